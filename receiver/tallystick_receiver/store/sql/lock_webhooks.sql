-- Until the end of the transaction nobody else creates endpoints; whoever reads them goes on.
LOCK TABLE webhook IN SHARE ROW EXCLUSIVE MODE
