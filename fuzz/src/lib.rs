//! What the fuzz targets check.

pub mod files;
pub mod wire;
