"""Files that the configuration names."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from ..refusal import refusal

DIRECTORY = "directory"
"""Key of the validation context under which the directory of the configuration file is found."""


def resolve(path: str, info: ValidationInfo) -> str:
    """Make the path absolute, so that workers find the file wherever they run."""
    if not path or "\0" in path:
        raise refusal("bad-file", "must be the path of a file")
    directory = info.context.get(DIRECTORY) if isinstance(info.context, dict) else None
    return os.path.join(directory, path) if directory else path


FilePath = Annotated[str, AfterValidator(resolve)]
