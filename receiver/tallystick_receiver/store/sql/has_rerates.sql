-- Whether somebody changed rates that nothing was priced by yet; the table is empty otherwise.
SELECT EXISTS (SELECT FROM cost_rerate)
