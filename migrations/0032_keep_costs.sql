-- Rows of cost are kept as long as a setting says; months keep their totals.
INSERT INTO usage_retention (relation) VALUES ('usage_cost');
