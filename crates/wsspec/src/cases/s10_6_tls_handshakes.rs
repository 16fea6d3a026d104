//! §10.6 and §4.2.2, TLS handshakes that stop halfway, and one that brings the
//! request with its last bytes.

use std::sync::Arc;

use rfc6455::handshake::ResponseHead;
use rfc6455::{Decoder, Frame, MaskingKey, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::hostile::others_are_served;
use crate::case::cases;
use crate::dialer::{Dialer, Unopened};
use crate::measured::Measured;
use crate::tls::{self, Tls};
use crate::verdict::{Finding, Verdict};

mod together {
    use super::*;

    cases! { Dialer:
        /// A request that comes in one segment with the end of the TLS
        /// handshake is read.
        Should "6455/10.6/request-with-the-end-of-the-handshake" ["6455-4.2.2-02", "6455-10.6-01"]
            seen "Java-WebSocket #665"
            => request_with_the_end_of_the_handshake;
    }
}

mod alone {
    use super::*;

    cases! { Dialer heavy:
        /// Clients that connect and say nothing, before any TLS, keep nobody
        /// else from being served.
        Guidance "hostile/slow/half-tls-handshakes/nothing" ["6455-10.7-01"]
            seen "simple-websocket-server #110, seastar #335, \
                  Java-WebSocket #111"
            => others_are_served_beside(Half::Nothing);
        /// Clients that send half a ClientHello keep nobody else from being
        /// served.
        Guidance "hostile/slow/half-tls-handshakes/half-a-hello" ["6455-10.7-01"]
            => others_are_served_beside(Half::HalfAHello);
        /// Clients that send a ClientHello and nothing more keep nobody else
        /// from being served.
        Guidance "hostile/slow/half-tls-handshakes/hello" ["6455-10.7-01"]
            => others_are_served_beside(Half::Hello);
    }
}

mod measured {
    use super::*;

    cases! { Measured:
        /// TLS handshakes that fail, or are never finished, leave no
        /// descriptors behind.
        Guidance "hostile/descriptors/tls-handshakes-that-end" ["6455-4.2.2-01", "6455-7.1.4-01"]
            => tls_handshakes_that_end;
    }
}

pub(in crate::cases) const TOGETHER: &[crate::Case] = together::CASES;
pub(in crate::cases) const ALONE: &[crate::Case] = alone::CASES;
pub(in crate::cases) const MEASURED: &[crate::Case] = measured::CASES;

/// How far a TLS handshake goes.
#[derive(Clone, Copy)]
enum Half {
    Nothing,
    HalfAHello,
    Hello,
}

/// A handshake record with a message that there is none of.
const NO_HELLO: &[u8] = b"\x16\x03\x01\x00\x05\xff\x00\x00\x01\x00";

fn has_tls(dialer: &Dialer) -> Verdict {
    match dialer.endpoint().url.is_secure() {
        true => Ok(()),
        false => Err(Finding::Unsupported(
            "the address is not one of TLS".to_owned(),
        )),
    }
}

/// How TLS is spoken to the server.
fn tls(dialer: &Dialer) -> Result<Arc<Tls>, Finding> {
    match (&dialer.endpoint().tls, &*tls::SYSTEM) {
        (Some(tls), _) | (None, Ok(tls)) => Ok(Arc::clone(tls)),
        (None, Err(bad)) => Err(Finding::Blocked(bad.to_string())),
    }
}

fn host(dialer: &Dialer) -> String {
    let authority = dialer.endpoint().url.authority();
    let host = authority.rsplit_once(':').unwrap_or_default().0;
    host.trim_matches(['[', ']']).to_owned()
}

fn failed(what: &str) -> impl FnOnce(std::io::Error) -> Finding {
    move |error| Finding::Blocked(format!("{what}: {error}"))
}

/// A TCP connection with a TLS handshake that goes so far.
async fn begun(dialer: &mut Dialer, half: Half) -> Result<Unopened, Finding> {
    let (tls, host) = (tls(dialer)?, host(dialer));
    let hello = tls.client_hello(&host);
    let hello = hello.map_err(failed("no ClientHello"))?;
    let mut begun = dialer.connect_tcp().await?;
    match half {
        Half::Nothing => {}
        Half::HalfAHello => begun.send(&hello[..hello.len() / 2]).await?,
        Half::Hello => begun.send(&hello).await?,
    }
    Ok(begun)
}

async fn others_are_served_beside(dialer: &mut Dialer, half: Half) -> Verdict {
    has_tls(dialer)?;
    let most = dialer.endpoint().declared.max_connections;
    if most.is_some_and(|most| most < 40) {
        return Err(Finding::Unsupported(
            "the server declares to take less than 40 connections".to_owned(),
        ));
    }
    dialer.open().await?;
    let mut halves = Vec::new();
    for _ in 0..20 {
        halves.push(begun(dialer, half).await?);
    }
    for _ in 0..3 {
        others_are_served(dialer).await?;
    }
    Ok(())
}

async fn tls_handshakes_that_end(measured: &mut Measured) -> Verdict {
    has_tls(measured.dialer())?;
    let before = measured.descriptors()?;
    for number in 0..200 {
        let dialer = measured.dialer();
        let half = match number % 4 {
            0 => Half::Nothing,
            1 => Half::HalfAHello,
            2 => Half::Hello,
            _ => {
                let mut failing = dialer.connect_tcp().await?;
                failing.send(NO_HELLO).await?;
                failing
                    .ends_within(dialer.endpoint().patience)
                    .await;
                continue;
            }
        };
        let begun = begun(dialer, half).await?;
        // Half of them vanish, the others end in order.
        if number % 8 < 4 {
            begun.reset();
        }
    }
    measured.serves().await?;
    let after = measured.descriptors_back_to(before + 5).await?;
    match after <= before + 5 {
        true => Ok(()),
        false => Err(Finding::violation(
            format_args!("{before} descriptors, as before 200 TLS handshakes"),
            after,
        )),
    }
}

/// The client's last handshake message and the request go out in one write.
async fn request_with_the_end_of_the_handshake(dialer: &mut Dialer) -> Verdict {
    has_tls(dialer)?;
    dialer.open().await?;
    let request = dialer.request();
    let endpoint = Arc::clone(&dialer.setting().endpoint);
    let (tls, host) = (tls(dialer)?, host(dialer));
    let octets = request.head();
    let connecting = async {
        let stream = endpoint.connect_tcp().await?;
        tls.connect_saying(&host, stream, &octets).await
    };
    let Some(mut stream) = endpoint
        .patiently(connecting)
        .await
        .transpose()
        .map_err(failed("no TLS handshake"))?
        .flatten()
    else {
        return Err(Finding::Unsupported(
            "the server does not speak TLS 1.3, where the client's handshake \
             ends first"
                .to_owned(),
        ));
    };
    let mut received = Vec::new();
    let exchange = async {
        loop {
            if let Ok(Some((head, length))) = ResponseHead::decode(&received) {
                received.drain(..length);
                break Ok(head);
            }
            if stream.read_buf(&mut received).await? == 0 {
                break Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    };
    let expected = "101 Switching Protocols";
    let head: std::io::Result<_> = match endpoint.patiently(exchange).await {
        Some(head) => head,
        None => {
            return Err(Finding::violation(expected, "no answer"));
        }
    };
    match head {
        Ok(head) if head.status == 101 => {}
        Ok(head) => {
            return Err(Finding::violation(
                expected,
                format_args!("{} {}", head.status, head.reason),
            ));
        }
        Err(error) => {
            return Err(Finding::violation(
                expected,
                format_args!("the end of the connection ({error})"),
            ));
        }
    }
    let text = Frame::text("behind the handshake");
    let mut octets = Vec::new();
    text.clone()
        .masked(MaskingKey([1, 2, 3, 4]))
        .encode(&mut octets);
    let mut decoder = Decoder::strict(Sender::Server, 1 << 16);
    decoder.push(&received);
    let echo = async {
        stream.write_all(&octets).await?;
        stream.flush().await?;
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) if !frame.opcode.is_control() => {
                    return Ok(frame == text);
                }
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(error) => return Err(std::io::Error::other(error)),
            }
            received.clear();
            if stream.read_buf(&mut received).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            decoder.push(&received);
        }
    };
    let echoed: Option<std::io::Result<bool>> = endpoint.patiently(echo).await;
    match echoed {
        Some(Ok(true)) => Ok(()),
        other => Err(Finding::violation(
            "the echo of a text",
            format_args!("{other:?}"),
        )),
    }
}
