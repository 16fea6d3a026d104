//! What the fuzz targets check.

pub mod files;
pub mod http2;
pub mod wire;
