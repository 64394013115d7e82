"""The I/O of the Polar Cloud: transport, uploads, downloads, outbox."""
