//! Much that is sent at once: while what comes back is read, or while it is
//! not.
//!
//! Who sends more than the buffers of both sides hold has to read meanwhile. A
//! client that does not is as legal, and a server has to live with it: so one
//! can stop reading here, and read on later without having lost a byte.

use bytes::{Bytes, BytesMut};
use rfc6455::Frame;

use super::{Peer, Poured, WRITE_AT_ONCE};
use crate::record::What;
use crate::verdict::{Finding, Verdict};

/// What has been sent without reading anything.
#[derive(Debug)]
pub struct Unread {
    /// How many of the frames the server has taken, the last perhaps in part.
    pub frames: usize,
    /// What the server has not taken of the last of them.
    rest: Vec<u8>,
    /// Whether the server has ended the connection meanwhile.
    pub is_ended: bool,
}

impl Peer {
    /// Sends frames, all in a row, and takes in meanwhile what comes.
    ///
    /// # Errors
    ///
    /// A server that neither reads nor sends anything.
    pub async fn send_all(
        &mut self,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Verdict {
        let octets = self.encode(frames);
        self.write_and_read(&octets).await
    }

    async fn write_and_read(&mut self, octets: &[u8]) -> Verdict {
        for part in octets.chunks(WRITE_AT_ONCE) {
            let mut received = BytesMut::new();
            self.wire
                .write_and_read(part, &mut received, usize::MAX)
                .await?;
            self.decoder.push(&received);
        }
        self.step();
        Ok(())
    }

    /// Sends frames and reads nothing, until all are sent or the server takes
    /// no more.
    pub async fn send_unread(&mut self, frames: &[Frame]) -> Unread {
        let stall = self.wire.endpoint.patience / 4;
        for (n, frame) in frames.iter().enumerate() {
            let octets = self.encode([frame.clone()]);
            let (taken, poured) = self.wire.pour_part(&octets, stall).await;
            if poured != Poured::Taken {
                return Unread {
                    frames: n + usize::from(taken > 0),
                    rest: match taken {
                        0 => Vec::new(),
                        _ => octets[taken..].to_vec(),
                    },
                    is_ended: poured == Poured::Ended,
                };
            }
        }
        Unread {
            frames: frames.len(),
            rest: Vec::new(),
            is_ended: false,
        }
    }

    /// Sends what is left of the last frame, then these, and reads nothing; the
    /// server need not take them before it is read.
    pub async fn send_more_unread(
        &mut self,
        unread: Unread,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Unread {
        if unread.is_ended {
            return unread;
        }
        let mut octets = unread.rest;
        octets.extend(self.encode(frames));
        let stall = self.wire.endpoint.patience / 4;
        let (taken, poured) = self.wire.pour_part(&octets, stall).await;
        Unread {
            frames: unread.frames,
            rest: octets[taken..].to_vec(),
            is_ended: poured == Poured::Ended,
        }
    }

    /// Sends what is left of the last frame, then these, and reads again.
    ///
    /// # Errors
    ///
    /// A server that neither reads nor sends anything.
    pub async fn read_on(
        &mut self,
        unread: Unread,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Verdict {
        if unread.is_ended {
            return Ok(());
        }
        let mut octets = unread.rest;
        octets.extend(self.encode(frames));
        self.write_and_read(&octets).await
    }

    /// Whether what has come ends inside a frame.
    #[must_use]
    pub fn is_inside_a_frame(&self) -> bool {
        !self.decoder.is_between_frames()
    }

    /// The payloads of all Pings that have come so far.
    #[must_use]
    pub fn pings(&self) -> Vec<Bytes> {
        self.with_record(|record| {
            let events = record.events().iter();
            events
                .filter_map(|event| match &event.what {
                    What::ReceivedFrame(frame)
                        if frame.header.opcode == rfc6455::Opcode::PING =>
                    {
                        Some(frame.payload.clone())
                    }
                    _ => None,
                })
                .collect()
        })
    }

    /// Whether the server has refused to take something.
    #[must_use]
    pub fn has_failed_to_send(&self) -> bool {
        self.with_record(|record| {
            let mut events = record.events().iter();
            events.any(|event| matches!(event.what, What::SendFailed))
        })
    }
}

/// That this machine, and not the server, was late.
#[must_use]
pub fn too_slow() -> Finding {
    Finding::Blocked(
        "this machine was too slow to tell an early end from a late one"
            .to_owned(),
    )
}
