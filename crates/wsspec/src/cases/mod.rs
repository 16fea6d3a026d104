//! The cases, one module a section of RFC 6455, in its order.
//!
//! What no RFC says with a MUST, but every server has to live with, stands in
//! `hostile`. The order here is the order of every list. A new section is a new module
//! and a line in [`all`]; a new case is a row in its section's table.

use rfc6455::{Frame, StatusCode};

use crate::case::Case;
use crate::dialer::{Answer, Dialer, Request};
use crate::peer::{Cut, Incoming, Peer};
use crate::record::End;
use crate::verdict::{Finding, Verdict};

mod hostile;
mod rfc7692_compressing;
mod rfc7692_messages;
mod rfc7692_negotiating;
mod rfc8441_http2;
mod rfc9110_http;
mod rfc9112_http1;
mod s10_2_origin;
mod s10_4_limits;
mod s10_5_authentication;
mod s10_6_tls;
mod s4_2_1_reading_the_request;
mod s4_2_2_answering_the_request;
mod s5_1_overview;
mod s5_2_base_framing;
mod s5_3_masking;
mod s5_4_fragmentation;
mod s5_5_control_frames;
mod s6_2_receiving_data;
mod s7_1_1_closing_tcp;
mod s7_1_7_failing_the_connection;
mod s7_4_status_codes;
mod s8_1_utf8;
mod s9_1_negotiating_extensions;

/// Every case, in the order of the RFC.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        s4_2_1_reading_the_request::CASES,
        s4_2_1_reading_the_request::NOT_CHOSEN,
        s4_2_1_reading_the_request::MALFORMED,
        s4_2_2_answering_the_request::CASES,
        s5_1_overview::CASES,
        s5_2_base_framing::CASES,
        s5_2_base_framing::UNFINISHED,
        s5_2_base_framing::TEXT_LENGTHS,
        s5_2_base_framing::BINARY_LENGTHS,
        s5_2_base_framing::LONGER_FORMS,
        s5_3_masking::CASES,
        s5_4_fragmentation::CASES,
        s5_5_control_frames::CASES,
        s6_2_receiving_data::LONG,
        s6_2_receiving_data::FRAGMENTS,
        s6_2_receiving_data::SEGMENTS,
        s6_2_receiving_data::MANY,
        s7_1_1_closing_tcp::CASES,
        s7_1_1_closing_tcp::LOST,
        s7_1_7_failing_the_connection::CASES,
        s7_4_status_codes::CASES,
        s7_4_status_codes::VALID,
        s7_4_status_codes::REGISTERED_LATER,
        s7_4_status_codes::NEVER_SENT,
        s7_4_status_codes::NOT_RETURNED,
        s7_4_status_codes::NOT_ASSIGNED,
        s7_4_status_codes::OUT_OF_RANGE,
        s9_1_negotiating_extensions::CASES,
        s8_1_utf8::CASES,
        s8_1_utf8::VALID,
        s8_1_utf8::INVALID,
        s8_1_utf8::HEAD,
        s9_1_negotiating_extensions::NOT_ACCEPTED,
        s9_1_negotiating_extensions::MALFORMED,
        s10_2_origin::FOREIGN,
        s10_2_origin::OTHERWISE,
        s10_2_origin::CASES,
        s10_4_limits::CASES,
        s4_2_1_reading_the_request::FITTING,
        rfc7692_negotiating::CASES,
        rfc7692_negotiating::DECLINED_UNKNOWN,
        rfc7692_negotiating::DECLINED_VALUE,
        rfc7692_negotiating::DECLINED_REPEATED,
        rfc7692_negotiating::SERVER_WINDOW,
        rfc7692_negotiating::SERVER_WINDOW_KEPT,
        rfc7692_negotiating::CLIENT_WINDOW,
        rfc7692_negotiating::CLIENT_WINDOW_UNASKED,
        rfc7692_compressing::MISPLACED,
        rfc7692_compressing::RESERVED,
        rfc7692_compressing::CASES,
        rfc7692_compressing::NOT_UTF8,
        rfc7692_compressing::FRAGMENTS,
        rfc7692_compressing::BLOCKS,
        rfc7692_compressing::NOT_INFLATING,
        rfc7692_compressing::UNFINISHED,
        rfc7692_compressing::NOT_INFLATING_CODE,
        rfc7692_compressing::WITHOUT_AGREEMENT,
        rfc7692_messages::JSON,
        rfc7692_messages::BITMAP,
        rfc7692_messages::PROSE,
        rfc7692_messages::HTML,
        rfc7692_messages::COMPRESSED,
        rfc7692_messages::AS_OFFERED,
        rfc7692_messages::NO_TAKEOVER,
        rfc7692_messages::WINDOW_9,
        rfc7692_messages::WINDOW_15,
        rfc7692_messages::NO_TAKEOVER_WINDOW_9,
        rfc7692_messages::NO_TAKEOVER_WINDOW_15,
        rfc7692_messages::THREE_OFFERS,
        rfc7692_messages::FILLS_A_BUFFER,
        rfc8441_http2::CASES,
        rfc8441_http2::INCOMPLETE,
        rfc8441_http2::OF_CONNECTION,
        rfc8441_http2::VERSION,
        rfc8441_http2::ORIGIN,
        rfc8441_http2::MALFORMED_LIVES,
        rfc9110_http::CASES,
        s10_5_authentication::CASES,
        s10_6_tls::HANDSHAKE,
        s10_6_tls::OPEN,
        s10_6_tls::PLAIN,
        rfc9112_http1::CASES,
        rfc9112_http1::LENGTHS,
        hostile::handshake::LONG_FIELD,
        hostile::handshake::MANY_FIELDS,
        hostile::handshake::LONG_OFFERS,
        hostile::handshake::ODD_NAMES,
        hostile::handshake::REFLECTED,
        hostile::handshake::CASES,
        hostile::length::ANNOUNCED,
        hostile::length::ILLEGAL,
        hostile::length::CASES,
        hostile::fragments::CASES,
        hostile::control::CASES,
        hostile::text::LONG,
        hostile::access::ORIGIN,
        hostile::access::CREDENTIAL,
        hostile::access::CASES,
        hostile::compression::CASES,
        hostile::compression::EMPTY_BLOCKS,
        hostile::slow::HANDSHAKE,
        hostile::slow::OPEN,
        hostile::connections::RESET,
        hostile::connections::CASES,
        hostile::http2::VALUES,
        hostile::http2::CASES,
        hostile::http2::MEASURED,
        hostile::process::CASES,
        hostile::process::OFFERS,
        hostile::compression::measured::CASES,
        hostile::process::lifetime::CASES,
    ]
    .into_iter()
    .flatten()
}

/// The answer to a changed request, of a server that accepts it unchanged.
async fn answer_to(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Result<Answer, Finding> {
    dialer.open().await?;
    let request = change(dialer.request());
    dialer.dial(request).await
}

/// Sends what no client may send. Holds if the server fails the connection:
/// the end comes next, with a Close before it or without.
async fn fails<const N: usize>(
    peer: &mut Peer,
    cut: Cut,
    frames: [Frame; N],
) -> Verdict {
    peer.send_cut(cut, frames).await?;
    until_failed(peer, &[]).await.map(drop)
}

/// The same where legal messages come before the illegal frame: their echo
/// may come before the end, or not.
async fn fails_after<const N: usize, const M: usize>(
    peer: &mut Peer,
    cut: Cut,
    frames: [Frame; N],
    echoes: [Frame; M],
) -> Verdict {
    peer.send_cut(cut, frames).await?;
    until_failed(peer, &echoes.map(Incoming::from))
        .await
        .map(drop)
}

/// Holds if the next thing is the answer to a Close with 1000: the same code,
/// or none. Any other code would say that something was wrong.
async fn expect_answer_to_1000(peer: &mut Peer) -> Verdict {
    let answer = peer.expect_close().await?;
    match answer.status_code() {
        None | Some(StatusCode::NORMAL_CLOSURE) => Ok(()),
        Some(_) => Err(Finding::violation("CLOSE 1000", answer)),
    }
}

/// Holds unless a failed connection ended like one that was closed in order.
/// A Close without a code may come with a failure, too; 1000 may not.
fn not_as_a_close((close, _): &(Option<Incoming>, End)) -> Verdict {
    match close {
        Some(close)
            if close.status_code() == Some(StatusCode::NORMAL_CLOSURE) =>
        {
            Err(Finding::violation(
                "a CLOSE with the code of an error, a CLOSE without a code, \
                 or no CLOSE",
                close,
            ))
        }
        _ => Ok(()),
    }
}

/// Sends frames as they are, which no client may, and a text behind them: a
/// server that takes no notice will echo it.
async fn fails_as_is<const N: usize>(
    peer: &mut Peer,
    frames: [Frame; N],
) -> Verdict {
    for frame in frames {
        peer.send_as_is(frame).await?;
    }
    peer.send(Frame::text("behind it")).await?;
    until_failed(peer, &[]).await.map(drop)
}

/// Reads up to the end of the connection; gives back the Close, if one came.
async fn until_failed(
    peer: &mut Peer,
    echoes: &[Incoming],
) -> Result<(Option<Incoming>, End), Finding> {
    let mut echoes = echoes.iter();
    let mut close = None;
    loop {
        match peer.next().await? {
            Incoming::End(end) => return Ok((close, end)),
            got @ Incoming::Close(_) if close.is_none() => close = Some(got),
            got if close.is_none() && echoes.next() == Some(&got) => {}
            got => {
                return Err(Finding::violation(
                    "the end of the connection, with or without a CLOSE \
                     before it",
                    match close {
                        Some(close) => format!("{close}, then {got}"),
                        None => got.to_string(),
                    },
                ));
            }
        }
    }
}
