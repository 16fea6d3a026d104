//! §10.6, TLS: it comes first (§4.2.2), everything stays inside of it, and it
//! ends in order.
//!
//! Where the address begins with `ws` there is no TLS to judge, but a client
//! may still take the port for one that has it.

use rfc6455::{Frame, MaskingKey, StatusCode};

use crate::case::cases;
use crate::dialer::{Dialer, Reply};
use crate::peer::{Incoming, Peer};
use crate::record::End;
use crate::stream::Over;
use crate::verdict::{Finding, Verdict};

mod handshake {
    use super::*;

    cases! { Dialer:
        /// Where TLS is spoken, an opening handshake without it is not
        /// answered with 101.
        Must "6455/4.2.2/no-switch-without-tls" ["6455-4.2.2-01"]
            => no_switch_without_tls;
        /// A TLS handshake that fails ends the connection.
        Must "6455/4.2.2/failed-tls-handshake-ends" ["6455-4.2.2-01"]
            => failed_tls_handshake_ends;
    }
}

mod open {
    use super::*;

    cases! { Peer:
        /// A WebSocket can be had over TLS.
        Must "6455/10.6/echo-over-tls" ["6455-10.6-01"] => echo_over_tls;
        /// What comes past TLS, in the TCP connection under it, is no frame.
        Must "6455/4.2.2/everything-is-in-the-tunnel" ["6455-4.2.2-02"]
            => everything_is_in_the_tunnel;
        /// TLS ends with a close_notify when the connection is closed in
        /// order.
        Should "6455/7.1.1/tls-ends-with-close-notify" ["6455-7.1.1-01"]
            => tls_ends_with_close_notify;
    }
}

mod plain {
    use super::*;

    cases! { Dialer:
        /// A TLS handshake at a port without TLS is refused: it is no HTTP.
        Guidance "hostile/handshake/tls-at-a-plain-port" ["6455-4.2.2-01"]
            => tls_at_a_plain_port;
    }
}

pub(in crate::cases) const HANDSHAKE: &[crate::Case] = handshake::CASES;
pub(in crate::cases) const OPEN: &[crate::Case] = open::CASES;
pub(in crate::cases) const PLAIN: &[crate::Case] = plain::CASES;

/// The beginning of a ClientHello: a handshake record of 512 octets, of which
/// the first are there.
const HELLO: &[u8] =
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\0\0\0\0\0\0\0\0\0\0\0";

/// A handshake record with a message that there is none of.
const NO_HELLO: &[u8] = b"\x16\x03\x01\x00\x05\xff\x00\x00\x01\x00";

fn no_tls() -> Finding {
    Finding::Unsupported("the address is not one of TLS".to_owned())
}

async fn no_switch_without_tls(dialer: &mut Dialer) -> Verdict {
    if !dialer.endpoint().url.is_secure() {
        return Err(no_tls());
    }
    let mut plain = dialer.connect_tcp().await?;
    plain.send(&dialer.request().head()).await?;
    match plain
        .acts_within(dialer.endpoint().patience)
        .await
    {
        // An alert is no head, and neither is an end.
        Reply::Malformed(_) | Reply::TooLong | Reply::End(_) => Ok(()),
        Reply::Head(head) if (300..600).contains(&head.status) => Ok(()),
        other => Err(Finding::violation(
            "the end of the connection, a TLS alert, or an HTTP error status",
            other,
        )),
    }
}

async fn failed_tls_handshake_ends(dialer: &mut Dialer) -> Verdict {
    if !dialer.endpoint().url.is_secure() {
        return Err(no_tls());
    }
    let mut plain = dialer.connect_tcp().await?;
    plain.send(NO_HELLO).await?;
    match plain
        .ends_within(dialer.endpoint().patience)
        .await
    {
        Some(_) => Ok(()),
        None => Err(Finding::violation(
            "the end of the connection",
            "a connection that stays open",
        )),
    }
}

async fn tls_at_a_plain_port(dialer: &mut Dialer) -> Verdict {
    if dialer.endpoint().url.is_secure() {
        return Err(Finding::Unsupported("the port has TLS".to_owned()));
    }
    let mut plain = dialer.connect_tcp().await?;
    plain.send(HELLO).await?;
    match plain
        .acts_within(dialer.endpoint().patience)
        .await
    {
        Reply::End(_) | Reply::Malformed(_) => Ok(()),
        Reply::Head(head) if (300..600).contains(&head.status) => Ok(()),
        other => Err(Finding::violation(
            "the end of the connection, or an HTTP error status",
            other,
        )),
    }
}

fn is_over_tls(peer: &Peer) -> Verdict {
    let endpoint = peer.endpoint();
    if endpoint.over == Over::Http2 {
        // What is under a stream of HTTP/2 belongs to all of them.
        return Err(Finding::Unsupported("it is about HTTP/1.1".to_owned()));
    }
    match endpoint.url.is_secure() {
        true => Ok(()),
        false => Err(no_tls()),
    }
}

async fn echo_over_tls(peer: &mut Peer) -> Verdict {
    is_over_tls(peer)?;
    let text = Frame::text("over TLS");
    peer.send(text.clone()).await?;
    peer.expect(text).await
}

async fn everything_is_in_the_tunnel(peer: &mut Peer) -> Verdict {
    is_over_tls(peer)?;
    let mut octets = Vec::new();
    let key = MaskingKey([1, 2, 3, 4]);
    Frame::text("past TLS")
        .masked(key)
        .encode(&mut octets);
    peer.send_beneath_tls(&octets).await?;
    match peer.next().await? {
        Incoming::End(End::Fin | End::Reset) => Ok(()),
        // It may say what is wrong before it ends.
        Incoming::Close(_) => Ok(()),
        got => Err(Finding::violation("the end of the connection", got)),
    }
}

async fn tls_ends_with_close_notify(peer: &mut Peer) -> Verdict {
    is_over_tls(peer)?;
    peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        .await?;
    peer.expect_close().await?;
    match peer.expect_end().await? {
        End::Fin if peer.lacks_close_notify() => Err(Finding::violation(
            "a close_notify before the end of TCP",
            "the end of TCP alone",
        )),
        End::Fin => Ok(()),
        end => Err(Finding::violation("a close_notify", end)),
    }
}
