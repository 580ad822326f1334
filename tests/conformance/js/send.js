// Sends known amounts with the real SDK: node send.js <url> <http|proto> <count> <compression> [tenth]
const { MeterProvider, PeriodicExportingMetricReader, AggregationTemporality } = require("@opentelemetry/sdk-metrics");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const [url, encoding, count, compression, tenth] = process.argv.slice(2);
const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${encoding}`);

// Starts are what tells apart processes without an instance id: each begins in a tenth of a second of its own.
const rest = new Int32Array(new SharedArrayBuffer(4));
while (tenth !== undefined && Math.floor(Date.now() / 100) % 10 !== Number(tenth)) Atomics.wait(rest, 0, 0, 5);

const exporter = new OTLPMetricExporter({
  url, compression, temporalityPreference: AggregationTemporality.DELTA,
});
const provider = new MeterProvider({
  resource: resourceFromAttributes({ "service.name": "js" }),
  readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3600000 })],
});
const counter = provider.getMeter("js").createCounter("js.calls", { unit: "{call}" });
for (let n = 0; n < Number(count); n++) {
  counter.add(n + 1, { "org.id": `org-${n % 3}`, "project.id": "web", n });
}
counter.add(0.1, { "org.id": "tenth" });
provider.shutdown().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
