"""Reading files that others wrote: pictures, arrays, JSON and YAML, each with limits before memory is taken.

Every function raises a `RegardError` that names the file, whatever the file holds. Nothing stored is executed.

Not here: what the content means (the rooms that use it), and writing (`regard.files`).
"""

from regard.reading.arrays import ArrayFile, check_growth, read_array, read_arrays
from regard.reading.folders import check_links, check_name
from regard.reading.images import ImageHeader, image_header, load_image
from regard.reading.large import LargePicture, PixelBox, averages, open_large
from regard.reading.plain_data import DataError, parse_json, parse_yaml, read_json_file, read_yaml_file
from regard.reading.regular import read_bytes, read_text, reading_errors, regular_file

__all__ = [
    "ArrayFile",
    "DataError",
    "ImageHeader",
    "LargePicture",
    "PixelBox",
    "averages",
    "check_growth",
    "check_links",
    "check_name",
    "image_header",
    "load_image",
    "open_large",
    "parse_json",
    "parse_yaml",
    "read_array",
    "read_arrays",
    "read_bytes",
    "read_json_file",
    "read_text",
    "read_yaml_file",
    "reading_errors",
    "regular_file",
]
