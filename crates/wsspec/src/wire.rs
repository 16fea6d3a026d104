//! One TCP connection to the server, with its record.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::endpoint::{Endpoint, Load};
use crate::http2::Http2Stream;
use crate::record::{End, Record, SharedRecord, What, note};
use crate::stream::{First, Stream};
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
    stream: Stream,
    received: usize,
    /// What has come while something was written, and nobody has read.
    unread: BytesMut,
    /// How the server has ended; it is on record when somebody reads it.
    ended: Option<End>,
    is_noted: bool,
    /// Once a write has failed the server takes nothing more, but what it
    /// said before may still have to be read.
    deaf: bool,
}

impl Wire {
    /// Opens a connection on which an opening handshake can be sent.
    pub(crate) async fn open(setting: &Setting) -> Result<Self, Finding> {
        let endpoint = Arc::clone(&setting.endpoint);
        Self::opened_by(setting, endpoint.connect()).await
    }

    /// Opens a connection for octets of any kind, over TLS where the address
    /// asks for it.
    pub(crate) async fn open_octets(
        setting: &Setting,
    ) -> Result<Self, Finding> {
        let endpoint = Arc::clone(&setting.endpoint);
        Self::opened_by(setting, endpoint.connect_octets()).await
    }

    /// Opens a connection for octets of any kind over TCP alone.
    pub(crate) async fn open_tcp(setting: &Setting) -> Result<Self, Finding> {
        let endpoint = Arc::clone(&setting.endpoint);
        let connected = async {
            let stream = endpoint.connect_tcp().await?;
            Ok(Stream::Tcp(stream))
        };
        Self::opened_by(setting, connected).await
    }

    async fn opened_by(
        setting: &Setting,
        connecting: impl Future<Output = io::Result<Stream>>,
    ) -> Result<Self, Finding> {
        let endpoint = Arc::clone(&setting.endpoint);
        // A full queue of connections drops requests, and TCP asks again after
        // 1 and 3 seconds.
        let patience = endpoint.patience * 5;
        let connected = endpoint.within(patience, connecting).await;
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
            unread: BytesMut::new(),
            ended: None,
            is_noted: false,
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
        let stream = &mut self.stream;
        let write = async {
            stream.write_all(octets).await?;
            stream.flush().await
        };
        let written = endpoint
            .behind(load, endpoint.patience, write)
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
        for mut part in octets.chunks(count) {
            while !part.is_empty() {
                // An end or an error counts as something said.
                let written = self.write_or_hear(part).await?;
                if self.deaf {
                    return Ok(false);
                }
                if !self.unread.is_empty() || self.ended.is_some() {
                    self.deaf = true;
                    self.note(What::SendFailed);
                    return Ok(false);
                }
                part = &part[written..];
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
        let written = self.write_or_hear(octets).await?;
        into.unsplit(self.unread.split());
        if self.received > MOST_RECEIVED {
            self.deaf = true;
            return Err(Finding::violation(
                "an end of what the server sends",
                End::Flood,
            ));
        }
        if self.ended.is_some() {
            self.deaf = true;
            self.note(What::SendFailed);
            return Ok(octets.len());
        }
        Ok(written)
    }

    /// Writes some of the octets, or reads some into `unread`; how many it has
    /// written.
    async fn write_or_hear(&mut self, octets: &[u8]) -> Result<usize, Finding> {
        self.unread.reserve(READ_AT_ONCE);
        let endpoint = Arc::clone(&self.endpoint);
        let step = self
            .stream
            .write_or_read(octets, &mut self.unread);
        match endpoint.patiently(step).await {
            Some(First::Read(read)) => {
                self.has_read(read);
                Ok(0)
            }
            Some(First::Written(Ok(count))) if count > 0 => Ok(count),
            // It takes nothing more; what it said before is still to be read.
            Some(First::Written(_)) => {
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
            let written = async {
                let count = self.stream.write(left).await?;
                self.stream.flush().await?;
                Ok::<_, io::Error>(count)
            };
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
        self.stream.reset();
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
        if !self.unread.is_empty() {
            into.unsplit(self.unread.split());
            return None;
        }
        if self.ended.is_none() {
            into.reserve(READ_AT_ONCE);
            let read = self.stream.read_buf(into).await;
            self.has_read(read);
        }
        if let (Some(end), false) = (self.ended, self.is_noted) {
            self.note(What::Ended(end));
            self.is_noted = true;
        }
        self.ended
    }

    /// Takes note of what a read has brought.
    fn has_read(&mut self, read: io::Result<usize>) {
        self.ended = match read {
            Ok(0) => Some(End::Fin),
            Ok(count) => {
                self.received += count;
                (self.received > MOST_RECEIVED).then_some(End::Flood)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            // TLS ended without saying so, and TCP in order.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.note(What::NoCloseNotify);
                Some(End::Fin)
            }
            Err(error) => {
                if let Stream::Http2(_) = self.stream {
                    self.note(What::Cause(error.to_string()));
                }
                Some(End::Reset)
            }
        };
    }

    /// Writes octets that TLS knows nothing of into the TCP connection under
    /// it.
    pub(crate) async fn write_beneath_tls(
        &mut self,
        octets: &[u8],
    ) -> Result<(), Finding> {
        self.note(What::SentOctets(Bytes::copy_from_slice(octets)));
        let Stream::Tls(stream) = &mut self.stream else {
            return self.write(octets).await;
        };
        let written = stream.get_mut().0.write_all(octets);
        let endpoint = Arc::clone(&self.endpoint);
        match endpoint.patiently(written).await {
            Some(_) => Ok(()),
            None => Err(self.not_read()),
        }
    }

    /// The stream of HTTP/2, where that carries the connection.
    pub(crate) fn http2(&mut self) -> Option<&mut Http2Stream> {
        match &mut self.stream {
            Stream::Http2(stream) => Some(stream),
            _ => None,
        }
    }
}
