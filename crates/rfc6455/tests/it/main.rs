//! The tests of `rfc6455`, in one program.

mod corpus;
mod extensions;
mod opening_handshake;
mod tungstenite;
mod wire_format;
