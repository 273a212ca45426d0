"""Documents into what people read: words, rows, components. Pure; nothing here reads or waits."""
