//! Empty: what counts is the manifest, which says for whole builds which
//! features the neutral crates have.
