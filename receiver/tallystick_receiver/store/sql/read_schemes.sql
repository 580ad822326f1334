-- By which dimensions the keys of lines were made.
SELECT metric, dimensions FROM cost_scheme
