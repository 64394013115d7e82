"""The numbers of this product, measured: streaming, faults, memory, pause."""
