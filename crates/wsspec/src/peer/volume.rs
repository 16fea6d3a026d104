//! Messages too long to be held: made, sent and compared piece by piece, so
//! that 16 MiB cost us a few KiB.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rfc6455::{Frame, Header, LengthForm, MaskingKey, Opcode, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::{Incoming, Peer, UNASKED};
use crate::autobahn::Timer;
use crate::record::{FrameRecord, Messages, Wait, What};
use crate::verdict::{Finding, Verdict};

/// Octets that are made at a time.
const AT_ONCE: usize = 32 << 10;

/// How long a whole exchange may take: a server can be never silent and never
/// done.
const LONGEST: Duration = Duration::from_secs(60);

/// A server has no reason to send more control frames during one message.
const MOST_CONTROLS: u64 = 1000;

/// A message that says the same again and again.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    /// Text or binary.
    pub opcode: Opcode,
    /// What it says.
    pub unit: &'static [u8],
    /// Its length in octets; the last unit may be cut.
    pub length: u64,
}

/// How a long message goes out.
#[derive(Clone, Copy, Debug)]
pub enum Pieces {
    /// As one frame.
    OneFrame,
    /// In fragments of so many octets; one without any ends it if the others
    /// are all full, as Autobahn does.
    Fragments(u64),
    /// As one frame, in writes of so many octets.
    Writes(usize),
}

impl Peer {
    /// Sends a long message, reads meanwhile, and holds if the next message
    /// is the same, octet for octet. Then nothing else has come before it but
    /// Pings, which are answered.
    ///
    /// # Errors
    ///
    /// Another message, no message, or a server that says that it is too long.
    pub async fn echoes(&mut self, volume: Volume, pieces: Pieces) -> Verdict {
        self.step();
        self.is_within_limits(volume, pieces)?;
        let deadline = match self.timer {
            Some(_) => self.deadline,
            None => Instant::now() + LONGEST,
        };
        let exchange = self.exchange_volume(volume, pieces);
        match timeout_at(deadline, exchange).await {
            Ok(verdict) => verdict,
            Err(_) => {
                self.waited = true;
                self.wire.note(What::TimedOut(Wait::Answer));
                let whole = format!("{} octets of echo", volume.length);
                match self.timer.map(Timer::after) {
                    Some(waited) => Err(Finding::violation(
                        whole,
                        format_args!("less within {waited:?}"),
                    )),
                    None => Err(Finding::Blocked(format!(
                        "the server has not sent {whole} within {:?}",
                        LONGEST
                    ))),
                }
            }
        }
    }

    async fn exchange_volume(
        &mut self,
        volume: Volume,
        pieces: Pieces,
    ) -> Verdict {
        let tile = Tile::new(volume.unit);
        let mut making = Making::new(volume, pieces, self.random.fork());
        let mut echo = Echo::new(volume);
        let mut unread = self.decoder.take_unread();
        let at_once = match pieces {
            Pieces::Writes(count) => count,
            _ => usize::MAX,
        };
        self.wire.note(What::SentMessages(Messages {
            opcode: volume.opcode,
            length: volume.length,
            frames: making.frames(),
            count: 1,
        }));
        let mut octets = Vec::new();
        while making.next(&tile, &mut octets) {
            self.sent.octets += octets.len();
            let mut left = &octets[..];
            while !left.is_empty() {
                let part = &left[..left.len().min(at_once)];
                let written =
                    self.wire.write_or_read(part, &mut unread).await?;
                left = &left[written..];
                if let Some(verdict) = self
                    .compare(&mut echo, &tile, &mut unread)
                    .await?
                {
                    return self.after_volume(verdict, unread).await;
                }
                if written > 0 && at_once < usize::MAX {
                    tokio::task::yield_now().await;
                }
            }
        }
        loop {
            if let Some(verdict) = self
                .compare(&mut echo, &tile, &mut unread)
                .await?
            {
                return self.after_volume(verdict, unread).await;
            }
            let endpoint = Arc::clone(&self.wire.endpoint);
            let read = self.wire.read(&mut unread);
            match endpoint
                .behind(self.sent, endpoint.patience, read)
                .await
            {
                Some(None) => {}
                Some(Some(end)) => {
                    self.ended = true;
                    let got = echo.so_far(Incoming::End(end));
                    return Err(self.no_echo(volume, &got));
                }
                None => {
                    self.waited = true;
                    self.wire.note(What::TimedOut(Wait::Answer));
                    let silence = Incoming::Silence(endpoint.patience);
                    return Err(Finding::violation(
                        volume.to_string(),
                        echo.so_far(silence),
                    ));
                }
            }
        }
    }

    /// Takes in what has come; some verdict when the message is complete, or
    /// can no longer be right.
    async fn compare(
        &mut self,
        echo: &mut Echo,
        tile: &Tile,
        unread: &mut BytesMut,
    ) -> Result<Option<Verdict>, Finding> {
        loop {
            let item = echo
                .take(tile, unread, &mut self.rules)
                .map_err(|violation| self.illegal(violation))?;
            match item {
                None => return Ok(None),
                Some(Item::Message(verdict)) => {
                    self.wire.note(What::ReceivedMessages(Messages {
                        opcode: echo.opcode,
                        length: echo.arrived,
                        frames: echo.fragments,
                        count: 1,
                    }));
                    return Ok(Some(verdict));
                }
                Some(Item::Endless) => {
                    return Err(Finding::violation(
                        "a message no longer than what was sent",
                        format_args!(
                            "{} octets in {} fragments, and no end",
                            echo.arrived, echo.fragments
                        ),
                    ));
                }
                Some(Item::Control(frame)) => {
                    echo.controls += 1;
                    if echo.controls > MOST_CONTROLS {
                        return Err(Finding::violation(
                            "the echo",
                            format_args!("{MOST_CONTROLS} control frames"),
                        ));
                    }
                    if let Some(got) = self.take(frame).await? {
                        return Ok(Some(Err(self.no_echo(echo.volume, &got))));
                    }
                }
            }
        }
    }

    /// What another thing than the echo means: 1009, or 1008 where it counts
    /// the fragments, says that the server has a limit that it does not
    /// declare.
    fn no_echo(&self, volume: Volume, got: &impl ToString) -> Finding {
        let got = got.to_string();
        let code = self.last_code();
        if code == Some(StatusCode::MESSAGE_TOO_BIG)
            || code == Some(StatusCode::POLICY_VIOLATION)
        {
            return Finding::Unsupported(format!(
                "the server has a limit under that: {got}"
            ));
        }
        Finding::violation(volume, got)
    }

    /// Holds if a message is no more than the server declares to take.
    /// Autobahn sends it all the same.
    fn is_within_limits(&self, volume: Volume, pieces: Pieces) -> Verdict {
        let frame = match pieces {
            Pieces::Fragments(each) => each.min(volume.length),
            _ => volume.length,
        };
        let declared = self.declared();
        let message = declared.max_message;
        let is_over = message.is_some_and(|most| volume.length > most)
            || declared
                .max_frame
                .is_some_and(|most| frame > most);
        match is_over && self.timer.is_none() {
            false => Ok(()),
            true => Err(Finding::Unsupported(format!(
                "the declared limits are under {} octets",
                volume.length
            ))),
        }
    }

    /// The code of the Close that came, if one came with a code.
    fn last_code(&self) -> Option<StatusCode> {
        self.with_record(|record| {
            record.events().iter().rev().find_map(|event| {
                let What::ReceivedFrame(FrameRecord { header, payload }) =
                    &event.what
                else {
                    return None;
                };
                (header.opcode == Opcode::CLOSE)
                    .then(|| payload.first_chunk())
                    .flatten()
                    .map(|code| StatusCode(u16::from_be_bytes(*code)))
            })
        })
    }

    /// What follows the message is read as ever. Whoever has sent another
    /// one than expected is closed, as Autobahn does.
    pub(super) async fn after_volume(
        &mut self,
        verdict: Verdict,
        unread: BytesMut,
    ) -> Verdict {
        self.decoder.push(&unread);
        if matches!(verdict, Err(Finding::Violation { .. }))
            && !self.close_sent
            && !self.close_received
        {
            let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
            self.reply(close).await?;
        }
        verdict
    }

    /// Sends the same message again and again, each when the echo of the one
    /// before has come, and holds if each echo is right.
    ///
    /// # Errors
    ///
    /// The first thing that is no echo.
    pub async fn echoes_each(&mut self, volume: Volume, count: u64) -> Verdict {
        self.step();
        self.is_within_limits(volume, Pieces::OneFrame)?;
        let length = usize::try_from(volume.length).unwrap_or(usize::MAX);
        let whole = Tile::new(volume.unit).cut(0, length).to_vec();
        let message = Frame::new(volume.opcode, whole);
        let expected = Incoming::from(message.clone());
        let messages = |count| Messages {
            opcode: volume.opcode,
            length: volume.length,
            frames: 1,
            count,
        };
        self.wire
            .note(What::SentMessages(messages(count)));
        self.quiet = true;
        let mut came = 0;
        let mut other = None;
        let mut differs_at = None;
        while came < count && other.is_none() {
            // The timer counts for all of them.
            self.reply(message.clone()).await?;
            match self.next().await? {
                got if got == expected => came += 1,
                // Autobahn does not look at the octets, and goes on.
                Incoming::Message(opcode, payload)
                    if opcode == volume.opcode
                        && payload.len() as u64 == volume.length =>
                {
                    came += 1;
                    differs_at.get_or_insert(came);
                }
                got => other = Some(got),
            }
        }
        self.quiet = false;
        self.wire
            .note(What::ReceivedMessages(messages(came)));
        let Some(got) = other else {
            let Some(number) = differs_at else {
                return Ok(());
            };
            let got = format!("other octets in echo {number}");
            let finding = Err(Finding::violation(volume, got));
            return self.after_volume(finding, BytesMut::new()).await;
        };
        let got = format!("{got} behind {came} echoes");
        let verdict = match self.ended || self.close_received || self.waited {
            true => Err(self.no_echo(volume, &got)),
            false => Err(Finding::violation(volume, got)),
        };
        self.after_volume(verdict, BytesMut::new()).await
    }
}

impl std::fmt::Display for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { opcode, length, .. } = self;
        write!(f, "the same {opcode} of {length} octets")
    }
}

/// A unit, repeated so often that any piece can be cut from it.
struct Tile {
    octets: Vec<u8>,
    unit: usize,
}

impl Tile {
    fn new(unit: &[u8]) -> Self {
        let times = AT_ONCE / unit.len() + 2;
        Self {
            octets: unit.repeat(times),
            unit: unit.len(),
        }
    }

    /// At most [`AT_ONCE`] octets of the message, from this offset on.
    fn cut(&self, offset: u64, length: usize) -> &[u8] {
        let unit = self.unit as u64;
        let begin = usize::try_from(offset % unit).unwrap_or_default();
        &self.octets[begin..begin + length]
    }
}

/// Makes the octets of a message's frames, masked.
struct Making {
    volume: Volume,
    /// Payload octets of a frame.
    each: u64,
    random: fastrand::Rng,
    /// Payload octets that are made.
    made: u64,
    /// The frame that is being made: its key, and where in the message it
    /// begins and ends.
    frame: Option<(MaskingKey, u64, u64)>,
    is_complete: bool,
}

impl Making {
    fn new(volume: Volume, pieces: Pieces, random: fastrand::Rng) -> Self {
        Self {
            volume,
            each: match pieces {
                Pieces::Fragments(each) if each < volume.length => each,
                _ => u64::MAX,
            },
            random,
            made: 0,
            frame: None,
            is_complete: false,
        }
    }

    /// How many frames the message has.
    fn frames(&self) -> u64 {
        self.volume.length / self.each + 1
    }

    /// Replaces `out` by the next octets; false when there are no more.
    fn next(&mut self, tile: &Tile, out: &mut Vec<u8>) -> bool {
        out.clear();
        while out.len() < AT_ONCE {
            let Some((key, begin, end)) = self.frame else {
                if self.is_complete {
                    break;
                }
                self.begin_frame(out);
                continue;
            };
            let room = (AT_ONCE - out.len()) as u64;
            let length = (end - self.made).min(room);
            let length = usize::try_from(length).unwrap_or_default();
            let from = out.len();
            out.extend_from_slice(tile.cut(self.made, length));
            key.apply_from(self.made - begin, &mut out[from..]);
            self.made += length as u64;
            if self.made == end {
                self.frame = None;
            }
        }
        !out.is_empty()
    }

    fn begin_frame(&mut self, out: &mut Vec<u8>) {
        let left = self.volume.length - self.made;
        let length = left.min(self.each);
        let fin = left < self.each;
        let key = MaskingKey(self.random.u32(..).to_be_bytes());
        let header = Header {
            fin,
            rsv: 0,
            opcode: match self.made {
                0 => self.volume.opcode,
                _ => Opcode::CONTINUATION,
            },
            masking_key: Some(key),
            payload_length: length,
            length_form: LengthForm::shortest(length),
        };
        header.encode(out);
        self.frame = Some((key, self.made, self.made + length));
        self.is_complete = fin;
        if length == 0 {
            self.frame = None;
        }
    }
}

/// The message that comes, compared with what was sent.
struct Echo {
    volume: Volume,
    opcode: Opcode,
    /// Octets of its payload that have come.
    arrived: u64,
    fragments: u64,
    /// Control frames that have come meanwhile.
    controls: u64,
    /// Where the first octet differs.
    differs_at: Option<u64>,
    /// The frame that is arriving, and how much of it is missing.
    frame: Option<(Header, u64)>,
}

/// What an [`Echo`] finds.
enum Item {
    /// A control frame, whole.
    Control(Frame),
    /// The end of the message, and whether it was the right one.
    Message(Verdict),
    /// More than was sent.
    Endless,
}

/// A control frame, when it is whole; whether it is legal is seen when it is
/// taken, but for its length, which must not be waited for.
fn control(
    header: &Header,
    length: usize,
    unread: &mut BytesMut,
    rules: &rfc6455::Rules,
) -> Result<Option<Item>, rfc6455::Violation> {
    let payload = usize::try_from(header.payload_length).unwrap_or(usize::MAX);
    if payload > 125 {
        rules.clone().header(header)?;
    }
    if unread.len() - length < payload {
        return Ok(None);
    }
    unread.advance(length);
    let mut payload = unread.split_to(payload);
    if let Some(key) = header.masking_key {
        key.apply(&mut payload);
    }
    Ok(Some(Item::Control(Frame {
        fin: header.fin,
        rsv: header.rsv,
        opcode: header.opcode,
        masking_key: header.masking_key,
        length_form: header.length_form,
        payload: payload.freeze(),
    })))
}

impl Echo {
    fn new(volume: Volume) -> Self {
        Self {
            volume,
            opcode: Opcode::CONTINUATION,
            arrived: 0,
            fragments: 0,
            controls: 0,
            differs_at: None,
            frame: None,
        }
    }

    fn take(
        &mut self,
        tile: &Tile,
        unread: &mut BytesMut,
        rules: &mut rfc6455::Rules,
    ) -> Result<Option<Item>, rfc6455::Violation> {
        loop {
            let Some((header, missing)) = &mut self.frame else {
                let Some((header, length)) = Header::decode(unread) else {
                    return Ok(None);
                };
                if header.opcode.is_control() {
                    return control(&header, length, unread, rules);
                }
                rules.header(&header)?;
                unread.advance(length);
                self.fragments += 1;
                if header.opcode != Opcode::CONTINUATION {
                    self.opcode = header.opcode;
                }
                let missing = header.payload_length;
                self.frame = Some((header, missing));
                continue;
            };
            let part = (unread.len().min(AT_ONCE) as u64).min(*missing);
            let part = usize::try_from(part).unwrap_or_default();
            let sent = tile.cut(self.arrived, part);
            if unread[..part] != *sent && self.differs_at.is_none() {
                let same = unread.iter().zip(sent);
                let same = same.take_while(|(one, other)| one == other);
                self.differs_at = Some(self.arrived + same.count() as u64);
            }
            unread.advance(part);
            self.arrived += part as u64;
            *missing -= part as u64;
            let most = self.volume.length + UNASKED;
            if self.arrived > most || self.fragments > most {
                return Ok(Some(Item::Endless));
            }
            if *missing > 0 {
                match unread.is_empty() {
                    true => return Ok(None),
                    false => continue,
                }
            }
            let header = *header;
            self.frame = None;
            if header.fin {
                // What it says settles whether it is UTF-8.
                rules.end(&header)?;
                return Ok(Some(Item::Message(self.verdict())));
            }
        }
    }

    fn verdict(&self) -> Verdict {
        let Self { volume, opcode, .. } = self;
        if *opcode != volume.opcode || self.arrived != volume.length {
            let length = self.arrived;
            return Err(Finding::violation(
                volume,
                format_args!("{opcode} of {length} octets"),
            ));
        }
        match self.differs_at {
            None => Ok(()),
            Some(at) => Err(Finding::violation(
                volume,
                format_args!("another octet at {at}"),
            )),
        }
    }

    /// What came instead of the rest.
    fn so_far(&self, then: Incoming) -> String {
        match (self.arrived, self.frame.is_some()) {
            (0, false) => then.to_string(),
            (count, _) => format!("{count} octets of it, then {then}"),
        }
    }
}
