// Loaded before the first paint: the chosen theme, or the system's.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("tallystick.theme");
  } catch {
    // Without storage the system decides.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
