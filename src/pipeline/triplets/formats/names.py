"""The names of the layouts, by themselves: the command line needs no more to say what there is."""

from enum import StrEnum


class Layout(StrEnum):
    """Names of the layouts."""

    jade = "jade"
    valor = "valor"
    llava = "llava"
    webdataset = "webdataset"
    parquet = "parquet"
