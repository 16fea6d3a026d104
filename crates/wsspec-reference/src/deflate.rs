//! permessage-deflate of the reference endpoint: which offer it accepts, what
//! it answers, and how it compresses and inflates; each with what a defect
//! makes of it.

use rfc6455::extension::{Extension, FIELD, extensions};
use rfc6455::handshake::Fields;
use rfc6455::{Frame, Opcode, Violation};
use rfc7692::{
    Agreement, Compressor, Inflater, MAX_WINDOW_BITS, NAME, NotInflated,
    Parameters, RSV1, TAIL,
};

use crate::Defect;

/// What the endpoint makes of a client's offers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Negotiated {
    /// What the answer accepts, if anything.
    pub(crate) answer: Option<String>,
    /// What is agreed on, and kept.
    pub(crate) agreement: Option<Agreement>,
    /// Whether the extension was offered, and no offer was possible.
    pub(crate) is_declined: bool,
}

impl Negotiated {
    /// The first offer that the endpoint can accept is accepted, with every
    /// parameter.
    pub(crate) fn of(fields: &Fields, defect: Option<Defect>) -> Self {
        let is_quoted = || {
            fields
                .all(FIELD)
                .any(|value| value.contains(&b'"'))
        };
        let mut elements = extensions(fields).unwrap_or_default();
        elements.retain(|element| element.name == NAME);
        let is_offered = !elements.is_empty();
        match defect {
            Some(Defect::QuotedValueDeclined) if is_quoted() => {
                elements.clear();
            }
            Some(Defect::FirstOfferOnly) => elements.truncate(1),
            Some(Defect::LastOfferPreferred) => elements.reverse(),
            _ => {}
        }
        let mut offers: Vec<_> = elements
            .into_iter()
            .filter_map(|element| {
                let element = misread(element, defect);
                Parameters::offered(&element).ok()
            })
            .collect();
        if defect == Some(Defect::NoTakeoverDeclined) {
            offers.retain(|offer| !offer.server_no_context_takeover);
        }
        let Some(first) = offers.first() else {
            return Self {
                is_declined: is_offered,
                ..Self::default()
            };
        };
        let accepted = answer_to(*first, defect);
        let mut agreement = Agreement::from(accepted);
        match defect {
            Some(Defect::NoTakeoverNotKept) => {
                agreement.server_takes_over = true;
            }
            Some(Defect::ServerWindowNotKept) => {
                agreement.server_window_bits = MAX_WINDOW_BITS;
            }
            _ => {}
        }
        let answer = match defect {
            Some(Defect::AllOffersAccepted) => {
                let all = offers
                    .iter()
                    .map(|offer| answer_to(*offer, defect).to_string());
                all.collect::<Vec<_>>().join(", ")
            }
            _ => accepted.to_string(),
        };
        Self {
            answer: Some(answer),
            agreement: Some(agreement),
            is_declined: false,
        }
    }
}

/// An offer as a defect reads it.
fn misread(mut element: Extension, defect: Option<Defect>) -> Extension {
    const KNOWN: [&str; 4] = [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
    ];
    let parameters = &mut element.parameters;
    match defect {
        Some(Defect::UnknownParameterAccepted) => {
            parameters.retain(|(name, _)| KNOWN.contains(&name.as_str()));
        }
        Some(Defect::RepeatedParameterAccepted) => {
            let mut seen = Vec::new();
            parameters.retain(|(name, _)| {
                let is_first = !seen.contains(name);
                seen.push(name.clone());
                is_first
            });
        }
        _ => {}
    }
    for (name, value) in parameters {
        let is_window = name.ends_with("_max_window_bits");
        match (defect, value.as_deref()) {
            (Some(Defect::ValueNotRead), Some(_)) if !is_window => {
                *value = None;
            }
            (Some(Defect::WindowNeedsNoValue), None)
                if name == "server_max_window_bits" =>
            {
                *value = Some(MAX_WINDOW_BITS.to_string());
            }
            (Some(defect), Some(text)) if is_window => {
                if let Some(bits) = misread_window(text, defect) {
                    *value = Some(bits.to_string());
                }
            }
            _ => {}
        }
    }
    element
}

/// The window that a defect takes a value for; `None` if it reads it as
/// everybody does.
fn misread_window(text: &str, defect: Defect) -> Option<u8> {
    let number: Option<i64> = text.parse().ok();
    let is_plain = text.bytes().all(|octet| octet.is_ascii_digit())
        && !text.starts_with('0');
    let in_range = |number: &i64| (8..=15).contains(number);
    let bits = match defect {
        Defect::WindowParsedAsNumber => number.filter(in_range)?,
        Defect::WindowIsFraction => {
            let (whole, _) = text.split_once('.')?;
            whole.parse().ok().filter(in_range)?
        }
        Defect::WindowNotInRange if is_plain || text == "0" => {
            number?.clamp(8, 15)
        }
        Defect::NegativeWindowAccepted => {
            number.filter(|it| *it < 0)?.abs().clamp(8, 15)
        }
        Defect::WindowNoNumberIsLargest if number.is_none() => 15,
        _ => return None,
    };
    u8::try_from(bits).ok()
}

/// The answer that accepts an offer, with all that it asks for.
fn answer_to(offer: Parameters, defect: Option<Defect>) -> Parameters {
    let asked = offer.client_max_window_bits;
    let mut answer = Parameters {
        client_max_window_bits: asked.flatten().map(Some),
        ..offer
    };
    let larger = |bits: u8| (bits + 1).min(MAX_WINDOW_BITS);
    match defect {
        Some(Defect::NoTakeoverNotAnswered) => {
            answer.server_no_context_takeover = false;
        }
        Some(Defect::NoTakeoverUnasked) => {
            answer.server_no_context_takeover = true;
        }
        Some(Defect::ClientTakeoverNotAnswered) => {
            answer.client_no_context_takeover = false;
        }
        Some(Defect::ServerWindowNotAnswered) => {
            answer.server_max_window_bits = None;
        }
        Some(Defect::ServerWindowLarger) => {
            answer.server_max_window_bits =
                offer.server_max_window_bits.map(larger);
        }
        Some(Defect::ServerWindowAtLeast9) => {
            answer.server_max_window_bits = offer
                .server_max_window_bits
                .map(|bits| bits.max(9));
        }
        Some(Defect::ServerWindowUnasked) => {
            answer.server_max_window_bits.get_or_insert(12);
        }
        Some(Defect::ClientWindowUnasked) => {
            answer
                .client_max_window_bits
                .get_or_insert(Some(MAX_WINDOW_BITS));
        }
        Some(Defect::ClientWindowWithoutValue) => {
            answer.client_max_window_bits = asked.map(|_| None);
        }
        Some(Defect::ClientWindowLarger) => {
            answer.client_max_window_bits =
                asked.flatten().map(|bits| Some(larger(bits)));
        }
        _ => {}
    }
    answer
}

/// What the endpoint does to messages, one connection.
pub(crate) struct Deflate {
    defect: Option<Defect>,
    agreement: Agreement,
    /// Whether what is sent is compressed.
    compresses: bool,
    compressor: Compressor,
    inflater: Inflater,
    /// How many messages have been inflated.
    count: usize,
    /// The first of them, and the one before.
    first: Vec<u8>,
    before: Vec<u8>,
    /// Whether a block with BFINAL was the last that was read.
    has_ended: bool,
    /// Whether something has not inflated.
    has_met_garbage: bool,
}

impl Deflate {
    pub(crate) fn new(agreement: Agreement, defect: Option<Defect>) -> Self {
        Self {
            defect,
            agreement,
            compresses: defect != Some(Defect::NeverCompresses),
            compressor: Compressor::new(
                agreement.server_window_bits,
                agreement.server_takes_over,
            ),
            inflater: inflater(agreement, defect),
            count: 0,
            first: Vec::new(),
            before: Vec::new(),
            has_ended: false,
            has_met_garbage: false,
        }
    }

    /// One that inflates alone.
    pub(crate) fn without_compressing(self) -> Self {
        Self {
            compresses: false,
            ..self
        }
    }

    /// Whether something has not inflated.
    pub(crate) fn has_met_garbage(&self) -> bool {
        self.has_met_garbage
    }

    /// Forgets what the client has said, which no right endpoint does.
    pub(crate) fn forget(&mut self) {
        self.inflater = inflater(self.agreement, self.defect);
    }

    /// The message of this payload data, of at most `most` octets; `None` if a
    /// defect takes no notice of it.
    pub(crate) fn inflate(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        most: u64,
    ) -> Result<Option<Vec<u8>>, Violation> {
        let first = payload.first().copied().unwrap_or_default();
        let (is_final, block_type) = (first & 1 == 1, first >> 1 & 3);
        let is_text = opcode == Opcode::TEXT;
        let not_known = || {
            let error = NotInflated::BlockType.to_string();
            Err(Violation::NotInflated(error))
        };
        match self.defect {
            Some(Defect::StoredNotKnown)
                if block_type == 0 && payload.len() > 1 =>
            {
                return not_known();
            }
            Some(Defect::FixedNotKnown) if block_type == 1 => {
                return not_known();
            }
            Some(Defect::DynamicNotKnown) if block_type == 2 => {
                return not_known();
            }
            Some(Defect::LastBlockEndsInflater)
                if std::mem::replace(&mut self.has_ended, is_final) =>
            {
                return not_known();
            }
            Some(Defect::EmptyCompressedNotEchoed) if payload == [0] => {
                return Ok(None);
            }
            Some(Defect::NoOctetsIsEmpty) if payload.is_empty() => {
                return Ok(Some(Vec::new()));
            }
            Some(Defect::Utf8OfCompressed)
                if is_text && std::str::from_utf8(payload).is_err() =>
            {
                return Err(Violation::TextNotUtf8);
            }
            _ => {}
        }
        let payload = match self.defect {
            Some(Defect::EndsAtLastBlock) if is_final => {
                self.up_to_the_last_block(payload)
            }
            Some(Defect::EndsAtTail) => up_to_the_tail(payload),
            _ => payload.to_vec(),
        };
        let limit = match self.defect {
            Some(Defect::LimitOfCompressed) => 4 * most,
            // The whole would take more than this machine should give.
            Some(Defect::InflatesWhole) => 128 << 20,
            _ => most,
        };
        if self.defect == Some(Defect::BlocksReadAgain) {
            read_blocks_again(&payload);
        }
        let octets =
            |length: u64| usize::try_from(length).expect("some mebibytes");
        let too_big = Violation::TooBig {
            length: most + 1,
            limit: most,
        };
        let message = match self.inflater.message(&payload, octets(limit)) {
            Ok(message)
                if self.defect == Some(Defect::InflatesWhole)
                    && message.len() > octets(most) =>
            {
                return Err(too_big);
            }
            Ok(message) => message,
            Err(NotInflated::TooLong(_)) => {
                return match self.defect {
                    // Whoever tests this sends zeros.
                    Some(Defect::OverTheLimitCut) => {
                        Ok(Some(vec![0; octets(most)]))
                    }
                    _ => Err(too_big),
                };
            }
            Err(error) => {
                self.has_met_garbage = true;
                return self.not_inflated(&payload, &error);
            }
        };
        let is_overlooked =
            self.defect == Some(Defect::CompressedNotUtf8Echoed);
        if is_text && !is_overlooked && std::str::from_utf8(&message).is_err() {
            return Err(Violation::TextNotUtf8);
        }
        Ok(Some(self.misremembered(message)))
    }

    fn not_inflated(
        &self,
        payload: &[u8],
        error: &NotInflated,
    ) -> Result<Option<Vec<u8>>, Violation> {
        match (self.defect, error) {
            (Some(Defect::NotInflatingEchoed), _) => Ok(Some(payload.to_vec())),
            (Some(Defect::NotInflatingIgnored), _) => Ok(None),
            (Some(Defect::UnfinishedBlockTaken), NotInflated::Unfinished) => {
                Ok(Some(Vec::new()))
            }
            _ => Err(Violation::NotInflated(error.to_string())),
        }
    }

    /// Where a block with BFINAL comes first: the payload data up to its end.
    fn up_to_the_last_block(&self, payload: &[u8]) -> Vec<u8> {
        let ends = (1..payload.len()).find_map(|end| {
            let alone = [&payload[..end], &[0]].concat();
            let inflated = self.inflater.clone().message(&alone, 1 << 20);
            inflated.is_ok().then_some(alone)
        });
        ends.unwrap_or_else(|| payload.to_vec())
    }

    /// A message as a defect takes it for another.
    fn misremembered(&mut self, mut message: Vec<u8>) -> Vec<u8> {
        self.count += 1;
        match self.defect {
            Some(Defect::BufferUsedAgain) => {
                let rest = self.before.get(message.len()..);
                message.extend_from_slice(rest.unwrap_or_default());
                self.before.clone_from(&message);
            }
            Some(Defect::CountsTo256) if self.count == 1 => {
                self.first.clone_from(&message);
            }
            Some(Defect::CountsTo256) if self.count > 256 => {
                message.clone_from(&self.first);
            }
            _ => {}
        }
        message
    }

    /// A message in frames, compressed.
    pub(crate) fn frames(
        &mut self,
        opcode: Opcode,
        message: Vec<u8>,
    ) -> Vec<Frame> {
        if !self.compresses {
            return vec![Frame::new(opcode, message)];
        }
        let mut payload = self.compressor.message(&message);
        match self.defect {
            Some(Defect::AnswersWithBomb) => payload = bomb(),
            Some(Defect::TailNotCut) => payload.extend_from_slice(&TAIL),
            Some(Defect::FullBufferLosesByte)
                if matches!(payload.len(), 65_536 | 131_072) =>
            {
                payload.pop();
            }
            Some(Defect::Rsv1OnContinuations) => {
                let rest = payload.split_off(payload.len() / 2);
                let first = Frame::new(opcode, payload).with_rsv(RSV1);
                let rest = Frame::continuation(rest).with_rsv(RSV1);
                return vec![first.unfinished(), rest];
            }
            _ => {}
        }
        vec![Frame::new(opcode, payload).with_rsv(RSV1)]
    }
}

fn inflater(agreement: Agreement, defect: Option<Defect>) -> Inflater {
    let window_bits = match defect {
        Some(Defect::InflatesWith9Bits) => 9,
        Some(Defect::InflatesWith8Bits) => 8,
        _ => agreement.client_window_bits,
    };
    let takes_over = agreement.client_takes_over
        && defect != Some(Defect::ClientContextDropped);
    Inflater::new(window_bits, takes_over)
}

/// Some 50 MiB of zeros, no longer than what may be said unasked.
fn bomb() -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut mebibyte = Compressor::new(15, false).message(&zeros);
    mebibyte.extend_from_slice(&TAIL);
    let mut bomb = mebibyte.repeat(50);
    bomb.truncate(bomb.len() - TAIL.len());
    bomb
}

/// What an inflater does that goes back to the beginning for each block, as
/// far as blocks are seen without inflating: an empty stored one is.
fn read_blocks_again(payload: &[u8]) {
    const KINDS: usize = 4;
    let ends = payload
        .windows(TAIL.len())
        .enumerate()
        .filter(|(_, octets)| *octets == TAIL);
    for end in ends.flat_map(|(end, _)| [end; KINDS]) {
        for octet in &payload[..end] {
            std::hint::black_box(octet);
        }
    }
}

/// The payload data up to the first tail in it.
fn up_to_the_tail(payload: &[u8]) -> Vec<u8> {
    let at = payload
        .windows(TAIL.len())
        .position(|octets| octets == TAIL);
    payload[..at.unwrap_or(payload.len())].to_vec()
}
