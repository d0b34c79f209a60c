"""Results for other people's tools: VTK XML files, NumPy archives, CSV tables, xarray datasets.

Result files themselves open in xarray, in netCDF tools and, through their group VTKHDF, in VTK and
ParaView; these are for what cannot read HDF5.
"""

from mfgprox.export.arrays import arrays_of, numbers_of
from mfgprox.export.dataset import to_xarray
from mfgprox.export.files import SUFFIXES, export

__all__ = ["SUFFIXES", "arrays_of", "export", "numbers_of", "to_xarray"]
