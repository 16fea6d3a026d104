//! The cases, one module a section of RFC 6455, in its order.
//!
//! The order here is the order of every list. A new section is a new module
//! and a line in [`all`]; a new case is a row in its section's table.

use rfc6455::{Frame, StatusCode};

use crate::case::Case;
use crate::peer::{Cut, Incoming, Peer};
use crate::record::End;
use crate::verdict::{Finding, Verdict};

mod s4_2_1_reading_the_request;
mod s4_2_2_answering_the_request;
mod s5_4_fragmentation;
mod s5_5_control_frames;
mod s7_1_7_failing_the_connection;

/// Every case, in the order of the RFC.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        s4_2_1_reading_the_request::CASES,
        s4_2_2_answering_the_request::CASES,
        s5_4_fragmentation::CASES,
        s5_5_control_frames::CASES,
        s7_1_7_failing_the_connection::CASES,
    ]
    .into_iter()
    .flatten()
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
