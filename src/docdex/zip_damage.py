"""Name what Python raises over a zip file that is broken, for whoever reads one that others have written."""

import lzma
import zipfile
import zlib

ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    LookupError,
    NotImplementedError,
    ValueError,
)
"""Broken checksums and packing, missing members, unknown methods; what reads the members may raise more."""
