"""Error that ends an export."""


class ExportError(Exception):
    """The input cannot be exported; the message is one line that names the file and the cause."""
