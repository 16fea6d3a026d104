//! What a production WebSocket endpoint needs and no framework changes.
//!
//! Before the 101 a request passes the checks of a [`Policy`], each of which may
//! end in a [`Refusal`]: its address, its origin, its credential, its form, and
//! whether there is room in the [`Register`].
//! After it a [`Session`] says what is due: a Ping, a flush, or the end and
//! its status code, and a [`Transport`] stream lets the last Close arrive.
//! Nothing here knows a framework, or opens a socket: that is what the six
//! `production-*` examples show, each in its framework's words.
//!
//! The book has a page about it: `docs/src/production.md`.

mod access;
mod ahead;
mod frames;
mod limiter;
mod opening;
mod policy;
mod refusal;
mod register;
mod session;
mod settings;
mod start;
mod transport;
mod turn;

pub use frames::FrameLimit;
pub use opening::{SUBPROTOCOL, Version, subprotocol};
pub use policy::Policy;
pub use refusal::Refusal;
pub use register::{Place, Register};
pub use session::{Cause, Due, Session};
pub use settings::Settings;
pub use start::{span, start};
pub use transport::Transport;
pub use turn::Turn;

/// A page to try the endpoint from a browser.
pub const PAGE: &str = include_str!("page.html");

/// The values of a field of a request, one for each line that has it.
///
/// A closure over a framework's header map gives it to every check, so that
/// nothing here knows the map's type.
pub trait Fields<'a> {
    /// The values of this field, in their order.
    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]>;

    /// The elements of a field that is a comma-separated list, over all its
    /// lines (RFC 9110 §5.6.1): without the empty ones.
    fn elements(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let values = self.values(name);
        let elements = values.flat_map(|it| it.split(|octet| *octet == b','));
        let elements = elements.map(<[u8]>::trim_ascii);
        elements.filter(|element| !element.is_empty())
    }
}

impl<'a, F, I> Fields<'a> for F
where
    F: Fn(&'static str) -> I,
    I: Iterator<Item = &'a [u8]>,
{
    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self(name)
    }
}
