//! One TCP connection to the server, with its record.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::endpoint::{Endpoint, Load};
use crate::record::{End, Record, SharedRecord, What, note};
use crate::verdict::Finding;

/// What a server may send on one connection before it counts as a flood.
const MOST_RECEIVED: usize = 256 << 20;

/// Room for one read.
const READ_AT_ONCE: usize = 16 << 10;

/// What became of octets that were sent without reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poured {
    /// The server has taken them.
    Taken,
    /// It takes no more, for as long as it is not read.
    Stalled,
    /// It has ended the connection.
    Ended,
}

/// What a case and its connections share.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) endpoint: Arc<Endpoint>,
    /// One record per connection, in the order of opening.
    pub(crate) records: Arc<std::sync::Mutex<Vec<SharedRecord>>>,
}

impl Setting {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            records: Arc::default(),
        }
    }
}

/// A connection that knows only octets.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) record: SharedRecord,
    stream: TcpStream,
    received: usize,
    ended: Option<End>,
    /// Once a write has failed the server takes nothing more, but what it
    /// said before may still have to be read.
    deaf: bool,
}

impl Wire {
    pub(crate) async fn open(setting: &Setting) -> Result<Self, Finding> {
        let endpoint = Arc::clone(&setting.endpoint);
        // A full queue of connections drops requests, and TCP asks again after
        // 1 and 3 seconds.
        let patience = endpoint.patience * 5;
        let connected = endpoint
            .within(patience, endpoint.connect())
            .await;
        let stream = match connected {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                return Err(Finding::Blocked(format!(
                    "no connection to {}: {error}",
                    endpoint.url
                )));
            }
            None => {
                return Err(Finding::Blocked(format!(
                    "no connection to {} within {:?}",
                    endpoint.url, patience
                )));
            }
        };
        let record = Record::shared();
        setting
            .records
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(Arc::clone(&record));
        Ok(Self {
            endpoint,
            record,
            stream,
            received: 0,
            ended: None,
            deaf: false,
        })
    }

    pub(crate) fn note(&self, what: What) {
        note(&self.record, what);
    }

    /// Writes all octets. That the server has gone is no finding: what it
    /// said before it went is, and that is still to be read.
    ///
    /// # Errors
    ///
    /// A server that leaves the octets lying although it serves others.
    pub(crate) async fn write(&mut self, octets: &[u8]) -> Result<(), Finding> {
        if self.deaf {
            return Ok(());
        }
        let endpoint = Arc::clone(&self.endpoint);
        let load = Load {
            octets: octets.len(),
            frames: 1,
        };
        let written = endpoint
            .behind(load, endpoint.patience, self.stream.write_all(octets))
            .await;
        match written {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => {
                self.deaf = true;
                self.note(What::SendFailed);
                Ok(())
            }
            None => Err(self.not_read()),
        }
    }

    /// Writes octets that are no frame, or only a part of one, and notes them.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub(crate) async fn write_octets(
        &mut self,
        octets: &[u8],
    ) -> Result<(), Finding> {
        self.note(What::SentOctets(Bytes::copy_from_slice(octets)));
        self.write(octets).await
    }

    /// Writes in parts of `count` octets until all is written or the server
    /// has something to say: what a server won't read it may leave lying.
    /// Tells whether all is written.
    ///
    /// # Errors
    ///
    /// A server that neither reads nor says anything although it serves
    /// others.
    pub(crate) async fn write_until_answered(
        &mut self,
        octets: &[u8],
        count: usize,
    ) -> Result<bool, Finding> {
        if self.deaf {
            return Ok(false);
        }
        for part in octets.chunks(count) {
            let endpoint = Arc::clone(&self.endpoint);
            let mut peeked = [0; 1];
            let (mut reading, mut writing) = self.stream.split();
            let step = async {
                tokio::select! {
                    biased;
                    // An end or an error counts as something said.
                    _ = reading.peek(&mut peeked) => None,
                    written = writing.write_all(part) => Some(written),
                }
            };
            match endpoint.patiently(step).await {
                Some(Some(Ok(()))) => {}
                Some(Some(Err(_)) | None) => {
                    self.deaf = true;
                    self.note(What::SendFailed);
                    return Ok(false);
                }
                None => return Err(self.not_read()),
            }
        }
        Ok(true)
    }

    /// Writes all octets and reads meanwhile, up to `most` octets.
    ///
    /// # Errors
    ///
    /// A server that neither reads nor says anything although it serves
    /// others, or that says more than a case asks for.
    pub(crate) async fn write_and_read(
        &mut self,
        octets: &[u8],
        into: &mut BytesMut,
        most: usize,
    ) -> Result<(), Finding> {
        let mut left = octets;
        while !left.is_empty() {
            let written = self.write_or_read(left, into).await?;
            left = &left[written..];
            if into.len() > most {
                self.deaf = true;
                return Err(Finding::violation(
                    "no more than answers to what was sent",
                    format_args!("over {most} octets"),
                ));
            }
        }
        Ok(())
    }

    fn not_read(&mut self) -> Finding {
        self.deaf = true;
        self.note(What::SendFailed);
        Finding::violation(
            "the server to read what is sent",
            format_args!("nothing was read for {:?}", self.endpoint.patience),
        )
    }

    /// Writes some of the octets, or reads some, whatever is possible first;
    /// how many it has written. Who has ended takes them all.
    ///
    /// # Errors
    ///
    /// A server that neither reads nor says anything although it serves
    /// others, or that never ceases to speak.
    pub(crate) async fn write_or_read(
        &mut self,
        octets: &[u8],
        into: &mut BytesMut,
    ) -> Result<usize, Finding> {
        if self.deaf {
            return Ok(octets.len());
        }
        into.reserve(READ_AT_ONCE);
        let endpoint = Arc::clone(&self.endpoint);
        let (mut reading, mut writing) = self.stream.split();
        let step = async {
            tokio::select! {
                read = reading.read_buf(into) => match read {
                    Ok(0) | Err(_) => None,
                    Ok(count) => Some((count, 0)),
                },
                written = writing.write(octets) => match written {
                    Ok(0) | Err(_) => None,
                    Ok(count) => Some((0, count)),
                },
            }
        };
        match endpoint.patiently(step).await {
            Some(Some((read, written))) => {
                self.received += read;
                if self.received > MOST_RECEIVED {
                    self.deaf = true;
                    return Err(Finding::violation(
                        "an end of what the server sends",
                        End::Flood,
                    ));
                }
                Ok(written)
            }
            Some(None) => {
                self.deaf = true;
                self.note(What::SendFailed);
                Ok(octets.len())
            }
            None => Err(self.not_read()),
        }
    }

    /// Writes octets as long as the server takes them, and does not read what
    /// it sends.
    pub(crate) async fn pour(
        &mut self,
        octets: &[u8],
        stall: std::time::Duration,
    ) -> Poured {
        let endpoint = Arc::clone(&self.endpoint);
        let mut left = octets;
        while !left.is_empty() {
            let written = self.stream.write(left);
            match endpoint.within(stall, written).await {
                Some(Ok(count)) if count > 0 => left = &left[count..],
                Some(_) => return Poured::Ended,
                None => return Poured::Stalled,
            }
        }
        Poured::Taken
    }

    /// Ends the connection abruptly: RST.
    pub(crate) fn reset(self) {
        self.note(What::WeReset);
        // Where that fails it is FIN, and the case just less hard.
        _ = self.stream.set_zero_linger();
    }

    /// Sends FIN and goes on reading.
    pub(crate) async fn end(&mut self) {
        self.note(What::WeEnded);
        self.deaf = true;
        _ = self.stream.shutdown().await;
    }

    /// Waits for octets and appends them, or tells how the server ended.
    ///
    /// Cancel safe: nothing is lost when it is dropped.
    pub(crate) async fn read(&mut self, into: &mut BytesMut) -> Option<End> {
        if self.ended.is_some() {
            return self.ended;
        }
        into.reserve(READ_AT_ONCE);
        let end = match self.stream.read_buf(into).await {
            Ok(0) => End::Fin,
            Ok(count) => {
                self.received += count;
                if self.received <= MOST_RECEIVED {
                    return None;
                }
                End::Flood
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return None;
            }
            Err(_) => End::Reset,
        };
        self.note(What::Ended(end));
        self.ended = Some(end);
        self.ended
    }
}
