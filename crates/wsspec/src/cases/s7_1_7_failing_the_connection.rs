//! §7.1.7, failing the WebSocket connection: what else belongs to it than the
//! end. That the connection ends is the matter of the section whose rule is
//! broken.

use rfc6455::{Frame, Opcode, StatusCode};

use super::s5_5_control_frames::{NOT_UTF8, close};
use super::{fails, until_failed};
use crate::case::cases;
use crate::peer::{Cut, Peer};
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// When the server has sent its Close and the client has answered it, or
    /// sent its own at the same time, no second one comes.
    Should "6455/5.5.1/closes-may-cross" ["6455-5.5.1-03", "6455-5.5.1-09", "6455-7.1.2-02"]
        => closes_cross;
    /// Nothing behind a reserved opcode is processed.
    Must "6455/7.1.7/nothing-counts-after-failing/reserved-opcode" ["6455-7.1.7-01", "6455-7.1.7-05", "6455-10.7-01"]
        => nothing_counts_after(Frame::new(RESERVED_CONTROL, ""));
    /// Nothing behind a control frame that is too long is processed.
    Must "6455/7.1.7/nothing-counts-after-failing/long-ping" ["6455-7.1.7-01", "6455-7.1.7-05", "6455-10.7-01"]
        => nothing_counts_after(Frame::ping(vec![0; 126]));
    /// Nothing behind a stray continuation is processed.
    Must "6455/7.1.7/nothing-counts-after-failing/continuation" ["6455-7.1.7-01", "6455-7.1.7-05", "6455-10.7-01"]
        => nothing_counts_after(Frame::continuation("stray"));
    /// Nothing behind a fragmented Ping is processed.
    Must "6455/7.1.7/nothing-counts-after-failing/fragmented-ping" ["6455-7.1.7-01", "6455-7.1.7-05", "6455-10.7-01"]
        => nothing_counts_after(Frame::ping("fragment1").unfinished());

    /// A Close with 1002 precedes the end after a Ping that is too long.
    Should "6455/7.1.7/close-frame-before-failing/long-ping" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [Frame::ping(vec![0xfe; 126])]);
    /// A Close with 1002 precedes the end after a Close that is too long.
    Should "6455/7.1.7/close-frame-before-failing/long-close" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [close(1000, &[b'*'; 124])]);
    /// A Close with 1002 precedes the end after a fragmented Ping.
    Should "6455/7.1.7/close-frame-before-failing/fragmented-ping" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [Frame::ping("fragment1").unfinished()]);
    /// A Close with 1002 precedes the end after a fragmented Close.
    Should "6455/7.1.7/close-frame-before-failing/fragmented-close" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [close(1000, b"").unfinished()]);
    /// A Close with 1002 precedes the end after a Close of one octet.
    Should "6455/7.1.7/close-frame-before-failing/one-octet-close" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [Frame::new(Opcode::CLOSE, "a")]);
    /// A Close with 1007 or 1002 precedes the end after a Close whose reason
    /// is not UTF-8.
    Should "6455/7.1.7/close-frame-before-failing/reason-not-utf8" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1007, 1002], [close(1000, NOT_UTF8)]);
    /// A Close with 1002 precedes the end after a stray continuation.
    Should "6455/7.1.7/close-frame-before-failing/continuation" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [Frame::continuation("stray")]);
    /// A Close with 1002 precedes the end after a message in a message.
    Should "6455/7.1.7/close-frame-before-failing/interleaved" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with(
            [1002],
            [Frame::text("fragment1").unfinished(), Frame::text("fragment2")],
        );
    /// A Close with 1007 precedes the end after text that is not UTF-8.
    Should "6455/7.1.7/close-frame-before-failing/not-utf8" ["6455-7.1.7-03", "6455-7.4.1-05", "6455-10.7-03"]
        => closes_with([1007], [Frame::text(NOT_UTF8)]);
    /// Whether a Close with 1002 precedes the end after a frame that is not
    /// masked is left to the server.
    May "6455/5.1/how-an-unmasked-frame-ends" ["6455-5.1-02"]
        => how_unmasked_ends;
    /// A Close with 1002 precedes the end after a reserved bit.
    Should "6455/7.1.7/close-frame-before-failing/reserved-bit" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [Frame::text("rsv1").with_rsv(0b100)]);
    /// A Close with 1002 precedes the end after a reserved opcode.
    Should "6455/7.1.7/close-frame-before-failing/reserved-opcode" ["6455-7.1.7-03", "6455-10.7-03"]
        => closes_with([1002], [Frame::new(RESERVED_CONTROL, "")]);

    /// Whether a Close comes first, and whether TCP ends in order, is left to
    /// the server when it fails a connection.
    May "6455/7.1.7/how-a-failed-connection-ends" ["6455-7.1.7-04", "6455-7.1.1-04", "6455-10.7-02"]
        => how_it_ends;
}

/// 0xB, the first control opcode without a meaning.
const RESERVED_CONTROL: Opcode = match Opcode::new(0xB) {
    Some(opcode) => opcode,
    None => unreachable!(),
};

async fn nothing_counts_after(peer: &mut Peer, illegal: Frame) -> Verdict {
    let frames = [illegal, Frame::ping("after"), Frame::text("after")];
    fails(peer, Cut::Together, frames).await
}

async fn closes_with<const N: usize, const M: usize>(
    peer: &mut Peer,
    codes: [u16; N],
    frames: [Frame; M],
) -> Verdict {
    peer.send_cut(Cut::Together, frames).await?;
    ends_with(peer, codes).await
}

async fn how_unmasked_ends(peer: &mut Peer) -> Verdict {
    peer.send_as_is(Frame::text("plain")).await?;
    tell_the_end(peer).await
}

/// Holds if a Close with one of these codes comes, and then the end.
pub(super) async fn ends_with<const N: usize>(
    peer: &mut Peer,
    codes: [u16; N],
) -> Verdict {
    let (close, end) = until_failed(peer, &[]).await?;
    let code = close
        .as_ref()
        .and_then(|close| close.status_code());
    if code.is_some_and(|code| codes.contains(&code.0)) {
        return Ok(());
    }
    let codes = codes
        .map(|code| StatusCode(code).to_string())
        .join(" or ");
    Err(Finding::violation(
        format_args!("CLOSE {codes}, then the end"),
        match close {
            Some(close) => close.to_string(),
            None => format!("{end} without a CLOSE"),
        },
    ))
}

async fn how_it_ends(peer: &mut Peer) -> Verdict {
    peer.send(Frame::new(RESERVED_CONTROL, ""))
        .await?;
    tell_the_end(peer).await
}

async fn tell_the_end(peer: &mut Peer) -> Verdict {
    let (close, end) = until_failed(peer, &[]).await?;
    Err(Finding::Observed(match close {
        Some(close) => format!("{close}, then {end}"),
        None => format!("{end} without a CLOSE"),
    }))
}

/// The Close is in the same segment as what fails the connection: the server
/// may never read it.
async fn closes_cross(peer: &mut Peer) -> Verdict {
    let frames = [Frame::new(RESERVED_CONTROL, ""), close(1000, b"")];
    peer.send_cut(Cut::Together, frames).await?;
    until_failed(peer, &[]).await.map(drop)
}
