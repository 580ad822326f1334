-- Until the end of the transaction nobody else writes endpoints; whoever reads them goes on.
LOCK TABLE webhook IN SHARE ROW EXCLUSIVE MODE
