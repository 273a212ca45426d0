"""Paths that others name, and what makes them harmless everywhere: they stay below a folder."""


def is_path_below(path: str) -> bool:
    """Tell whether a path with `/` names something below the folder that it is joined to, on any system."""
    parts = path.split("/")
    # A colon is a drive or a stream on Windows, a backslash parts folders there.
    return (
        bool(path) and path.isprintable() and not {"", ".", ".."} & set(parts) and not set("\\:") & set(path)
    )
