//! The reference endpoint: an echo that keeps every rule, and breaks exactly
//! one when it is told to.
//!
//! Without a [`Defect`] every case passes on it. Each defect is a bug that
//! real servers have or had, so the list reads as a catalogue of them.

mod deflate;
mod front;
pub mod guard;
mod http;
mod http2;

pub use front::certificates;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rfc6455::handshake::{Refusal, RequestHead, accept, check_request};
use rfc6455::utf8::Utf8;
use rfc6455::{
    Decoder, Frame, LengthForm, MaskingKey, Opcode, Rules, Sender, StatusCode,
    Violation,
};
use rfc7692::{Agreement, Parameters, RSV1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use deflate::{Deflate, Negotiated};

/// The largest message that is echoed.
const MOST_OF_MESSAGE: u64 = 1 << 20;

/// The largest of [`Kind::Large`].
const LARGE: u64 = 16 << 20;

/// The largest head that is read.
const MOST_OF_HEAD: usize = 64 << 10;

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// One thing that the endpoint does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Defect { $($(#[doc = $doc])+ $name,)+ }

        impl Defect {
            /// Every defect there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What it does wrong, in a sentence.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim(),)+ }
            }
        }
    };
}

defects! {
    // Reading the request.
    /// An upgrade is accepted whatever the method.
    AnyMethod,
    /// Methods are compared without case.
    MethodWithoutCase,
    /// HTTP/1.0 is switched.
    Http10IsSwitched,
    /// Host is not looked at.
    HostNotChecked,
    /// `websocket` is compared with case.
    UpgradeWithCase,
    /// Upgrade only has to contain `websocket`.
    UpgradeSubstring,
    /// Upgrade is not looked at.
    UpgradeNotChecked,
    /// Upgrade has to be nothing but `websocket`.
    UpgradeNoList,
    /// `Upgrade` in Connection is compared with case.
    ConnectionWithCase,
    /// Connection only has to contain `upgrade`.
    ConnectionSubstring,
    /// Connection is not looked at.
    ConnectionNotChecked,
    /// Connection has to be nothing but `Upgrade`.
    ConnectionNoList,
    /// Only the first Connection line is read.
    ConnectionFirstLine,
    /// An empty element of a list is an error.
    EmptyElementIsError,
    /// The key is not looked at.
    KeyNotChecked,
    /// The key only has to have 24 characters.
    KeyLengthOnly,
    /// Of several keys the first one counts.
    KeyFirstCounts,
    /// A key of zeros is taken for a missing one.
    KeyOfZerosRefused,
    /// The version is not looked at.
    VersionNotChecked,
    /// The version has to be 13 or higher.
    VersionAtLeast13,
    /// The version is read as far as there are digits.
    VersionDigitsOnly,
    /// The version is cut to an octet.
    VersionCutToOctet,
    /// The fields have to come in one order.
    FieldOrderMatters,
    /// Names of fields are compared with case.
    FieldNamesWithCase,
    /// More than sixteen fields are an error.
    FewFields,

    /// An absolute target is another resource.
    TargetPathOnly,
    /// A query makes another resource.
    QueryIsPath,
    /// A target has at most 4,000 octets.
    ShortTargets,
    /// A request that is not UTF-8 ends the connection.
    DiesOfOctets,
    /// Offers of subprotocols and extensions are not looked at.
    OffersNotRead,
    /// An offer of more than 8,000 octets is too much for the parser.
    BreaksOnLongOffers,
    /// A name that the language knows is not just a name.
    BreaksOnOddNames,
    /// A head of more than 64 KiB is not answered.
    LongHeadDropped,
    /// A head of more than 64 KiB is read on and on.
    LongHeadHangs,
    /// A head of more than a thousand fields is read on and on.
    ManyFieldsHang,

    // Reading HTTP around it.
    /// An empty line before the request line is an error.
    EmptyLineIsError,
    /// A CR alone is taken away.
    BareCrDropped,
    /// A CR alone ends a line.
    BareCrEndsLine,
    /// Blanks at the beginning of a line are taken away.
    LinesTrimmed,
    /// A blank before the colon is taken away.
    BlankBeforeColonDropped,
    /// A folded line is left out.
    FoldedLineDropped,
    /// Host may have any value.
    HostValueNotChecked,
    /// Of length and coding together the coding counts, and that is all.
    LengthAndCodingTaken,
    /// A coding without chunks is taken for none.
    CodingNotChecked,
    /// A length that is no number is taken for none, and of two the first.
    LengthNotChecked,
    /// The content of a request is not read.
    ContentNotRead,
    /// Nobody says 100 (Continue).
    ContinueNotSaid,
    /// The connection ends behind a refusal that does not say so.
    EndsBehindRefusal,
    /// What comes in one segment with a request is no request.
    PipelinedLost,
    /// Requests behind one that says close are answered.
    AnswersBehindClose,
    /// A refused upgrade is taken for granted.
    SwitchesAfterRefusal,

    // Answering it.
    /// A right request is answered with 200.
    Status200,
    /// The 101 has version HTTP/1.0.
    Answers10,
    /// The 101 lacks Upgrade.
    AnswerLacksUpgrade,
    /// The 101 lacks Connection.
    AnswerLacksConnection,
    /// The accept value is that of another key.
    WrongAccept,
    /// The accept value is computed with the blanks around the key.
    AcceptWithBlanks,
    /// An offer of subprotocols is answered with one of the server's own.
    SubprotocolNotOffered,
    /// A subprotocol is named although none was offered.
    SubprotocolUnasked,
    /// An offer of subprotocols is answered with all that it says.
    SubprotocolsAsOffered,
    /// What a client offers is copied into the answer, control octets and all.
    CopiesControlOctets,
    /// An offer of extensions is answered with an empty field.
    ExtensionFieldEmpty,
    /// A client that offers an extension which the server doesn't know is sent
    /// away with 1010.
    DemandsExtension,
    /// Every extension that is offered is accepted.
    AnyExtension,
    /// An extension is named although none was offered.
    ExtensionUnasked,
    /// The 101 has a Content-Length.
    LengthIn101,
    /// What comes in one segment with the request is thrown away.
    EarlyFramesLost,
    /// The request has to come in one segment.
    RequestInOneSegment,
    /// What is refused is answered with 500.
    RefusalIs500,
    /// What is refused is answered with 200.
    RefusalIs200,
    /// The refusal of a version does not tell which are spoken.
    RefusalWithoutVersion,
    /// An unknown resource is answered with 200.
    UnknownResourceIs200,
    /// A 405 lacks Allow.
    NoAllow,
    /// A 426 lacks Upgrade.
    NoUpgradeIn426,

    // Framing.
    /// A frame of a client need not be masked.
    UnmaskedAccepted,
    /// Reserved bits are not looked at.
    ReservedBitsIgnored,
    /// Reserved bits are not looked at in a control frame.
    ReservedBitsInControlIgnored,
    /// Reserved opcodes are passed over.
    ReservedOpcodeIgnored,
    /// Reserved data opcodes are taken for text.
    ReservedDataIsText,
    /// A length may take more octets than it needs.
    LongerLengthAccepted,
    /// What a frame announces is waited for, however much it is.
    AnyLengthAwaited,
    /// What the server sends is masked.
    MasksItsFrames,
    /// The lengths of what the server sends take 64 bits.
    LongLengths,
    /// What the server sends has RSV1.
    SetsReservedBit,
    /// What is over the limit is echoed all the same.
    LimitNotKept,
    /// The limit is half of what is declared.
    LimitTooLow,
    /// The server pings before it is asked, which it may.
    PingsFirst,
    /// The server sends a Pong before it is asked.
    PongsFirst,
    /// The server says hello before it is asked.
    Greets,

    // Echoing.
    /// Text is echoed as binary.
    TextAsBinary,
    /// Binary is echoed as text.
    BinaryAsText,
    /// An echo has the right type and length and other octets.
    WrongOctets,
    /// An echo ends after 65,535 octets.
    EchoCut,
    /// An empty message is not echoed.
    EmptyNotEchoed,
    /// An echo comes in two fragments with a Ping between them, which it may.
    EchoInFragments,
    /// Every message is echoed twice.
    EchoedTwice,

    // Fragmentation.
    /// Every fragment is echoed as a message.
    FragmentsEchoedAlone,
    /// A frame has to come in one segment.
    FrameInOneSegment,
    /// The type of a fragmented message is always text.
    FragmentsAreText,
    /// More than 64 fragments are too many.
    FewFragments,
    /// More than 4,096 fragments are too many, and nothing says so.
    FragmentsCounted,
    /// An empty fragment is an error.
    EmptyFragmentIsError,
    /// A message ends only with a fragment that carries something.
    EmptyLastFragmentIgnored,
    /// A Ping inside a message is answered when the message is complete.
    PongHeldBack,
    /// A Pong inside a message ends the message.
    PongEndsMessage,
    /// A Close inside a message is a protocol error.
    CloseInMessageIsError,
    /// A continuation without a start is passed over.
    StrayContinuationIgnored,
    /// A continuation without a start starts a text message.
    StrayContinuationStarts,
    /// A message inside another one takes its place.
    Interleaving,
    /// A message inside another one is taken if it has another type.
    InterleavingOfTypes,
    /// FIN is not looked at in a control frame.
    ControlFinIgnored,
    /// A control frame may be fragmented.
    ControlFragmentsJoined,

    // Control frames.
    /// Control frames may have any length and are answered in kind.
    LongControl,
    /// Control frames may have any length that takes 64 bits.
    LongControl64Bits,
    /// A Pong is filled up to 126 octets.
    PongPadded,
    /// The answer to a Close overtakes what is still to be sent.
    CloseOvertakes,
    /// TCP ends with RST after both Closes.
    ResetsAfterClose,
    /// The end of the client's side is not noticed.
    FinNotNoticed,
    /// A Close is answered with the end of the connection alone.
    CloseNotAnswered,
    /// A Close is passed over, be it right or wrong.
    CloseIgnored,
    /// A Close with a reason is answered with the end alone.
    CloseWithReasonNotAnswered,
    /// The answer to a Close has no code.
    CloseAnsweredWithoutCode,
    /// The answer to a Close always has 1000.
    CloseAnsweredWith1000,
    /// The answer to a Close always has 1001.
    CloseAnsweredWith1001,
    /// The answer to a Close always has 1006.
    CloseAnsweredWith1006,
    /// The answer to a Close has a reason that is not UTF-8.
    CloseAnsweredWithRubbish,
    /// A message comes behind the answer to a Close.
    TextBehindOwnClose,
    /// A Close without a code is answered with 1005.
    EmptyCloseIs1005,
    /// A Close without a code is answered with 1001.
    EmptyCloseIs1001,
    /// TCP stays open after both Closes.
    TcpStaysOpen,
    /// A second Close is answered.
    SecondCloseAnswered,
    /// A Ping behind a Close is answered.
    PingAfterCloseAnswered,
    /// A message behind a Close is echoed.
    TextAfterCloseEchoed,
    /// A Close with any code is answered in kind.
    AnyCloseCode,
    /// A Close with any code from 3000 up is answered in kind.
    CloseCodesFrom3000,
    /// A Close with a code that was registered after the RFC is an error.
    LaterCloseCodesRefused,
    /// A Close with a code for applications is an error.
    ApplicationCloseCodesRefused,
    /// A Close of one octet is answered in kind.
    OneOctetClose,
    /// The reason of a Close is not looked at.
    ReasonNotChecked,
    /// Pings are not answered.
    PingNotAnswered,
    /// Pings are answered twice.
    PingAnsweredTwice,
    /// A Pong is always empty.
    PongEmpty,
    /// A Pong ends where the Ping has a NUL.
    PongEndsAtNul,
    /// A Pong carries at most 64 octets.
    PongCut,
    /// A Pong carries the Ping's payload as text.
    PongAsText,
    /// Of several Pings in a row only the first is answered.
    FirstPingOnly,
    /// A Pong is answered with a Pong.
    PongAnswered,
    /// A Pong that nobody asked for is an error.
    PongIsError,
    /// A Pong that nobody asked for with a payload is an error.
    PongWithPayloadIsError,

    // Text.
    /// Text is not looked at.
    NotUtf8Echoed,
    /// Text is looked at when the message is complete.
    Utf8AtMessageEnd,
    /// Text is looked at when the frame is complete.
    Utf8AtFrameEnd,
    /// Each fragment of a text has to be UTF-8 by itself.
    Utf8EachFrameAlone,
    /// Text that is not UTF-8 is a protocol error.
    NotUtf8Is1002,

    // Failing the connection.
    /// A failed connection ends without a Close.
    FailsWithoutClose,
    /// A connection fails with 1000.
    FailsWith1000,
    /// A connection fails with 1011.
    FailsWith1011,
    /// A failed connection stays open.
    FailsAndStaysOpen,
    /// What comes behind a violation is still processed.
    ProcessesAfterFailing,

    // Who may connect.
    /// Origin is not looked at.
    OriginNotChecked,
    /// Origin only has to begin with the allowed one.
    OriginPrefix,
    /// Origin only has to end with the allowed host.
    OriginSuffix,
    /// Of Origin only the host counts.
    OriginHostOnly,
    /// The origin `null` is let in.
    OriginNullAllowed,
    /// Of several origins the first counts.
    OriginFirstCounts,
    /// Of several origins the last counts.
    OriginLastCounts,
    /// An empty origin is taken for none, and let in.
    OriginEmptyAllowed,
    /// A client without an origin is let in, which is a policy, and Origin is
    /// dropped where Connection names it.
    OriginDroppedByConnection,
    /// A client without an origin is let in, which is a policy.
    OriginAbsentAllowed,
    /// Letters, a slash and a dot make no other origin, which may be.
    OriginNormalised,
    /// A foreign origin is refused with 400.
    OriginRefusedWith400,
    /// The credential is not looked at.
    CredentialNotChecked,
    /// A client without a credential is let in.
    CredentialAbsentAllowed,
    /// The credential only has to begin like the right one.
    CredentialPrefix,
    /// The right credential only has to begin like this one.
    CredentialCompletes,
    /// Any scheme will do.
    CredentialAnyScheme,
    /// Who has shown a credential need not do so again.
    CredentialInherited,
    /// A 401 lacks WWW-Authenticate.
    NoChallenge,
    /// A subprotocol that the server speaks is not named, which it may.
    SubprotocolNotNamed,
    /// A refusal says what was in the request.
    RefusalRepeatsFields,
    /// A Close says what text was not UTF-8.
    CloseRepeatsText,
    /// A credential that comes as a subprotocol is not looked at.
    SubprotocolCredentialNotChecked,
    /// A credential counts in Authorization alone.
    SubprotocolCredentialNotRead,
    /// Of the subprotocols that are offered the last is named.
    SubprotocolCredentialNamed,

    // Time.
    /// A client may take for its opening handshake what time it likes.
    HandshakeNotTimed,
    /// Every octet gives a client more time for its opening handshake.
    HandshakeTimerRestarts,
    /// Unanswered Pings have no consequence.
    PingsNotCounted,
    /// The Close of the client is waited for, however long it takes.
    CloseAwaited,

    // Other connections.
    /// The first connection that ends with RST ends the accepting.
    ResetEndsServing,
    /// There is room for a hundred unfinished requests.
    FewUnfinishedRequests,
    /// All connections have the same buffer for unfinished frames.
    SharedBuffer,

    // What it costs.
    /// Room is made for what a header announces.
    AllocatesAnnounced,
    /// Every segment is kept in a buffer of its own.
    KeepsSegments,
    /// Every fragment is kept in an object of its own.
    KeepsFragments,
    /// An unfinished message has room for a long one.
    UnfinishedHasRoom,
    /// Every connection has a buffer of 1 MiB.
    LargeBuffers,
    /// What a client does not read waits in a queue without end.
    QueuesWithoutEnd,
    /// The descriptors of lost connections are kept.
    KeepsDescriptors,
    /// A head is read from its beginning whenever more of it has come.
    HeadReadAgain,
    /// An offer is read from its beginning at each of its octets.
    OfferReadAgain,

    // The end of the process.
    /// Nobody is told that the server ends.
    ShutdownSilent,
    /// The server does not end before its clients have.
    ShutdownWaits,
    /// A server that ends takes more connections.
    ShutdownAccepts,
    /// A request that is complete when the server ends is switched.
    ShutdownSwitches,
    /// There is room for any number of connections.
    NumberNotKept,
    /// Whoever finds no room is refused with 400.
    NumberRefusedWith400,
    /// Whoever likes may ask as often.
    RateNotKept,
    /// Whoever asks too often is refused with 400.
    RateRefusedWith400,
    /// A connection may be idle for ever.
    IdleNotTimed,
    /// An idle connection ends without a Close.
    IdleEndsSilently,
    /// A connection may become as old as it likes.
    AgeNotTimed,
    /// A client may take what time it likes to read.
    SendNotTimed,

    // Agreeing on permessage-deflate.
    /// A parameter that the extension does not define is left out.
    UnknownParameterAccepted,
    /// A window is whatever can be parsed as its number: +9, 08.
    WindowParsedAsNumber,
    /// Of a window that is a fraction the whole part counts.
    WindowIsFraction,
    /// A window out of range is taken for the next that is in it.
    WindowNotInRange,
    /// A negative window is taken without its sign.
    NegativeWindowAccepted,
    /// A window that is no number is taken for the largest.
    WindowNoNumberIsLargest,
    /// server_max_window_bits without a value is taken for the largest.
    WindowNeedsNoValue,
    /// A value of a parameter that takes none is not read.
    ValueNotRead,
    /// Of a repeated parameter the first counts.
    RepeatedParameterAccepted,
    /// A value in quotes is none.
    QuotedValueDeclined,
    /// An offer that can't be accepted is refused with 400.
    DeclinesWith400,
    /// Every offer is accepted, each with an element of the answer.
    AllOffersAccepted,
    /// Of several offers the last is accepted.
    LastOfferPreferred,
    /// Of several offers only the first is looked at.
    FirstOfferOnly,
    /// An offer with server_no_context_takeover is declined.
    NoTakeoverDeclined,
    /// server_no_context_takeover is not answered.
    NoTakeoverNotAnswered,
    /// server_no_context_takeover is answered, and the context kept.
    NoTakeoverNotKept,
    /// server_no_context_takeover is answered unasked, which may be.
    NoTakeoverUnasked,
    /// client_no_context_takeover is not answered, which need not be.
    ClientTakeoverNotAnswered,
    /// server_max_window_bits is not answered.
    ServerWindowNotAnswered,
    /// server_max_window_bits is answered with one bit more.
    ServerWindowLarger,
    /// A server_max_window_bits of 8 is answered with 9.
    ServerWindowAtLeast9,
    /// server_max_window_bits is answered, and a window of 15 bits used.
    ServerWindowNotKept,
    /// server_max_window_bits is answered unasked, which may be.
    ServerWindowUnasked,
    /// client_max_window_bits is answered unasked.
    ClientWindowUnasked,
    /// client_max_window_bits is answered without a value.
    ClientWindowWithoutValue,
    /// client_max_window_bits is answered with one bit more.
    ClientWindowLarger,

    // Compressing.
    /// Nothing is compressed, which may be.
    NeverCompresses,
    /// An echo comes in fragments, and each of them has RSV1.
    Rsv1OnContinuations,
    /// A Pong has RSV1.
    Rsv1OnPongs,
    /// The tail is not cut.
    TailNotCut,
    /// Compressed data that just fills a buffer of 64 or 128 KiB lacks its last
    /// byte.
    FullBufferLosesByte,

    // Inflating.
    /// What earlier messages said is forgotten.
    ClientContextDropped,
    /// A message that is not compressed lets the earlier ones be forgotten.
    UncompressedResetsInflater,
    /// A Ping inside a message lets the earlier ones be forgotten.
    PingResetsInflater,
    /// References reach no farther than a window of 9 bits.
    InflatesWith9Bits,
    /// References reach no farther than 256 octets.
    InflatesWith8Bits,
    /// What the message before has more than this one stays in the buffer.
    BufferUsedAgain,
    /// The 257th message is taken for the first.
    CountsTo256,
    /// Each fragment is inflated by itself.
    FragmentsInflatedAlone,
    /// A message that begins with a stored block does not inflate.
    StoredNotKnown,
    /// A message that begins with a block of the fixed code does not inflate.
    FixedNotKnown,
    /// A message that begins with a block of its own code does not inflate.
    DynamicNotKnown,
    /// Behind a block with BFINAL no message inflates.
    LastBlockEndsInflater,
    /// What a message has behind a block with BFINAL is not read.
    EndsAtLastBlock,
    /// A message ends where the tail first stands in it.
    EndsAtTail,
    /// A compressed message of one octet 00 is not echoed.
    EmptyCompressedNotEchoed,
    /// A compressed message of no octets is taken for an empty one.
    NoOctetsIsEmpty,
    /// What does not inflate is echoed as it is.
    NotInflatingEchoed,
    /// What does not inflate is passed over.
    NotInflatingIgnored,
    /// Data that ends inside a block is taken for an empty message.
    UnfinishedBlockTaken,
    /// Compressed text is not looked at.
    CompressedNotUtf8Echoed,
    /// Compressed text has to be UTF-8 as it comes over the wire.
    Utf8OfCompressed,
    /// The limit holds for what comes over the wire.
    LimitOfCompressed,
    /// RSV1 is not looked at in a control frame.
    Rsv1InControlIgnored,
    /// RSV1 is not looked at in a continuation.
    Rsv1InContinuationIgnored,
    /// Where RSV1 has a meaning RSV2 and RSV3 are not looked at.
    OtherBitsIgnored,
    /// RSV1 is a compressed message's where nothing was agreed, too.
    Rsv1WithoutAgreement,
    // Compressing against others.
    /// What a message inflates to over the limit is cut off.
    OverTheLimitCut,
    /// What comes back inflates to much more than was sent.
    AnswersWithBomb,
    /// The first data that does not inflate ends the accepting.
    GarbageEndsServing,
    /// The limit is looked at when the message is inflated.
    InflatesWhole,
    /// A message is read from its beginning at each of its blocks.
    BlocksReadAgain,

    // TLS.
    /// An opening handshake is taken without TLS, too.
    TlsNotNeeded,
    /// A TLS handshake that fails leaves the connection open.
    FailedTlsHangs,
    /// What comes past TLS is taken as if it had come through it.
    TlsMayBePassedBy,
    /// TLS ends without a close_notify.
    NoCloseNotify,
    /// A TLS handshake at a port without TLS is waited for to become HTTP.
    TlsAwaitedAsHttp,

    // WebSocket over HTTP/2.
    /// The setting that tells of WebSocket is not said.
    Http2SettingNotSaid,
    /// The setting that tells of WebSocket is 2.
    Http2SettingIs2,
    /// The setting is taken back when a second WebSocket is opened.
    Http2SettingTakenBack,
    /// A client that says 0 for the setting gets no WebSocket.
    Http2ClientSettingCounts,
    /// A client that says the setting at all has made an error.
    Http2ClientSettingIsError,
    /// A request with a protocol opens a WebSocket whatever its method.
    Http2AnyMethod,
    /// The host that a request names is connected to.
    Http2Tunnels,
    /// Any protocol opens a WebSocket.
    Http2AnyProtocol,
    /// A WebSocket is opened with 101.
    Http2AnswersWith101,
    /// The answer has an accept value.
    Http2AnswersAccept,
    /// A request that has a key is refused.
    Http2KeyRefused,
    /// An offer of subprotocols is answered with all that it says.
    Http2SubprotocolsAsOffered,
    /// Every extension that is offered is accepted.
    Http2AnyExtension,
    /// A refusal has a name with upper case.
    Http2UpperCaseNames,
    /// The answer has a Content-Length.
    Http2AnswerHasLength,
    /// What comes before the answer is thrown away.
    Http2EarlyFramesLost,
    /// Padding is taken for data.
    Http2PaddingIsData,
    /// A stream has no end when the WebSocket has one.
    Http2StreamStaysOpen,
    /// A stream is reset when both Closes have passed.
    Http2ResetsAfterClose,
    /// The end of a WebSocket that the client has not ended ends the
    /// connection.
    Http2FailureEndsConnection,
    /// The end of the client's side of a stream is not noticed.
    Http2EndOfStreamIgnored,
    /// The reset of a stream ends the connection.
    Http2ResetEndsConnection,
    /// What comes on any stream is for the first.
    Http2StreamsMixed,
    /// A request that opens no WebSocket ends the connection.
    Http2OnlyWebSockets,
    /// What waits for room on one stream holds all others up.
    Http2StalledBlocks,
    /// A client is sent more than it has room for.
    Http2WindowIgnored,
    /// A request needs no scheme.
    Http2SchemeNotNeeded,
    /// A request needs no path.
    Http2PathNotNeeded,
    /// Fields that speak of an HTTP/1.1 connection are passed over.
    Http2ConnectionFieldsIgnored,
    /// The version is not looked at.
    Http2VersionNotChecked,
    /// Origin and credential are not looked at.
    Http2AccessNotChecked,
    /// A malformed request ends the connection.
    Http2MalformedEndsConnection,
    /// Values with CR, LF or NUL are taken.
    Http2ControlOctetsTaken,
    /// Two hundred resets end the serving.
    Http2ResetsEndServing,
    /// Every empty frame is kept in an object of its own.
    Http2KeepsEmptyFrames,
    /// A stream that has to wait has room for a long message.
    Http2StalledHasRoom,
}

impl Defect {
    /// Whether it lets an illegal frame pass, so that frames have to be read
    /// without the decoder's own judgement.
    pub fn overlooks(self) -> bool {
        matches!(
            self,
            Self::StrayContinuationIgnored
                | Self::StrayContinuationStarts
                | Self::Interleaving
                | Self::InterleavingOfTypes
                | Self::ControlFinIgnored
                | Self::ControlFragmentsJoined
                | Self::LongControl
                | Self::LongControl64Bits
                | Self::OneOctetClose
                | Self::CloseIgnored
                | Self::ReasonNotChecked
                | Self::ProcessesAfterFailing
                | Self::ReservedOpcodeIgnored
                | Self::UnmaskedAccepted
                | Self::ReservedBitsIgnored
                | Self::ReservedBitsInControlIgnored
                | Self::ReservedDataIsText
                | Self::LongerLengthAccepted
                | Self::AnyLengthAwaited
                | Self::AnyCloseCode
                | Self::CloseCodesFrom3000
                | Self::NotUtf8Echoed
                | Self::Utf8AtMessageEnd
                | Self::Utf8AtFrameEnd
                | Self::Utf8EachFrameAlone
        )
    }
}

/// An endpoint that runs until this is dropped.
///
/// It has a thread of its own, and only one: so what is slow for a case is as
/// slow for the case's witness, and what the runner does is slow for neither.
pub struct Reference {
    kind: Kind,
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<usize>)>,
}

/// How the endpoint is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An echo of up to 1 MiB.
    Plain,
    /// An echo that asks for an origin and a credential, and has deadlines.
    Guarded,
    /// An echo of up to 16 MiB.
    Large,
    /// An echo for five clients at a time.
    Limited,
    /// An echo that answers eight opening handshakes.
    Rated,
    /// An echo that closes connections when their time is over.
    Timed,
    /// An echo of up to 1 MiB that agrees to compress.
    Deflate,
    /// The plain one, behind TLS.
    Secure,
    /// The plain one, behind HTTP/2 that asks for an origin and a credential.
    Http2,
}

impl Kind {
    /// The largest message that it echoes, in bytes.
    pub fn most(self) -> u64 {
        match self {
            Self::Large => LARGE,
            _ => MOST_OF_MESSAGE,
        }
    }
}

/// How long a client of [`Kind::Guarded`] may take for its opening handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(1);

/// How often [`Kind::Guarded`] sends a Ping.
pub const PING: Duration = Duration::from_millis(500);

/// How long [`Kind::Guarded`] waits for a Close after its own.
pub const CLOSE: Duration = Duration::from_millis(300);

/// How long after SIGTERM the process of [`Kind::Large`] ends.
pub const SHUTDOWN: Duration = Duration::from_secs(1);

/// How many opening handshakes [`Kind::Rated`] answers.
pub const HANDSHAKES: usize = 8;

/// How many clients [`Kind::Limited`] serves at a time.
pub const CLIENTS: usize = 5;

/// How long no message may come before [`Kind::Timed`] closes.
pub const IDLE: Duration = Duration::from_secs(1);

/// How old a connection of [`Kind::Timed`] may become.
pub const AGE: Duration = Duration::from_secs(4);

/// How long a client of [`Kind::Timed`] may not read.
pub const SEND: Duration = Duration::from_millis(500);

/// What the connections of an endpoint share.
struct Shared {
    kind: Kind,
    defect: Option<Defect>,
    open: AtomicUsize,
    handshakes: AtomicUsize,
    unfinished: AtomicUsize,
    stopped: AtomicBool,
    kept: Mutex<Vec<TcpStream>>,
    decoder: Mutex<Decoder>,
    /// Whether the endpoint ends.
    ending: watch::Sender<bool>,
}

impl Shared {
    fn new(kind: Kind, defect: Option<Defect>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            defect,
            open: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            kept: Mutex::default(),
            decoder: Mutex::new(Decoder::strict(Sender::Client, kind.most())),
            ending: watch::Sender::new(false),
        })
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn keep(&self, stream: TcpStream) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stream);
    }
}

/// Counts as long as it lives.
struct Counted<'a>(&'a AtomicUsize, usize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        let count = counter.fetch_add(1, Ordering::Relaxed) + 1;
        Self(counter, count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Reference {
    /// Starts the endpoint on a port of the system's choice.
    pub async fn start_as(kind: Kind, defect: Option<Defect>) -> Self {
        Self::start(kind, defect)
    }

    /// No `async fn`: that would be compiled anew in each crate that calls it,
    /// with all of the endpoint.
    fn start(kind: Kind, defect: Option<Defect>) -> Self {
        let listener = listener();
        let address = listener.local_addr().expect("an address");
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime().block_on(serve(
                listener,
                Shared::new(kind, defect),
                ended,
            ))
        });
        Self {
            kind,
            address,
            running: Some((end, thread)),
        }
    }

    /// How it is set up.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.kind, self.address)
    }
}

fn url(kind: Kind, address: SocketAddr) -> String {
    let scheme = if kind == Kind::Secure { "wss" } else { "ws" };
    format!("{scheme}://{address}/ws")
}

/// Serves in this thread until the process is told to end.
#[cfg(unix)]
pub fn serve_as_child(kind: Kind, defect: Option<Defect>) {
    let listener = listener();
    let address = listener.local_addr().expect("an address");
    runtime().block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut asked = signal(SignalKind::terminate()).expect("a signal");
        println!("listening on {}", url(kind, address));
        let (end, ended) = oneshot::channel();
        let shared = Shared::new(kind, defect);
        let ending = Arc::clone(&shared);
        tokio::spawn(async move {
            asked.recv().await;
            _ = ending.ending.send(true);
            // So long the clients have for their Closes.
            match ending.defect {
                Some(Defect::ShutdownWaits) => std::future::pending().await,
                Some(Defect::ShutdownAccepts) => sleep(3 * SHUTDOWN).await,
                _ => sleep(SHUTDOWN / 5).await,
            }
            _ = end.send(());
        });
        serve(listener, shared, ended).await;
    });
}

fn listener() -> std::net::TcpListener {
    let listener =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .set_nonblocking(true)
        .expect("a listener that does not block");
    listener
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Serves until it is told to end; how many connections panicked.
async fn serve(
    outer: std::net::TcpListener,
    shared: Arc<Shared>,
    ended: oneshot::Receiver<()>,
) -> usize {
    let kind = shared.kind;
    if !matches!(kind, Kind::Secure | Kind::Http2) {
        return serve_plain(outer, shared, ended).await;
    }
    let inner = listener();
    let behind = inner.local_addr().expect("an address");
    let outer = TcpListener::from_std(outer).expect("a listener");
    let defect = shared.defect;
    let front = async {
        match kind {
            Kind::Secure => front::serve_tls(outer, behind, defect).await,
            _ => http2::serve(outer, behind, defect).await,
        }
    };
    tokio::select! {
        () = front => 0,
        panics = serve_plain(inner, shared, ended) => panics,
    }
}

/// The same without anything in front.
async fn serve_plain(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    mut ended: oneshot::Receiver<()>,
) -> usize {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut listener = Some(listener);
    let mut ending = shared.ending.subscribe();
    let mut connections = JoinSet::new();
    let mut panics = 0;
    loop {
        let accepting = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepting => {
                let Ok((stream, _)) = accepted else { continue };
                if shared.stopped.load(Ordering::Relaxed) {
                    shared.keep(stream);
                    continue;
                }
                _ = stream.set_nodelay(true);
                let connection = Connection::new(stream, Arc::clone(&shared));
                connections.spawn(connection.serve());
            }
            Some(end) = connections.join_next() => {
                panics += usize::from(end.is_err());
            }
            Ok(()) = ending.changed() => {
                if !shared.has(Defect::ShutdownAccepts) {
                    listener = None;
                }
            }
            _ = &mut ended => return panics,
        }
    }
}

impl Drop for Reference {
    /// A connection that ends in a panic looks like one that fails in order.
    fn drop(&mut self) {
        let Some((end, thread)) = self.running.take() else {
            return;
        };
        _ = end.send(());
        let panics = thread.join();
        if !std::thread::panicking() {
            assert!(matches!(panics, Ok(0)), "it panicked: {panics:?}");
        }
    }
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    defect: Option<Defect>,
    decoder: Decoder,
    /// With a defect that overlooks something the decoder overlooks
    /// everything, and this knows what is illegal.
    rules: Option<Rules>,
    /// The value of the key as it came; the parser takes the blanks away.
    key_with_blanks: Vec<u8>,
    /// What the client offers, as it came.
    offers: Vec<String>,
    /// The largest message that is echoed.
    most: u64,
    /// How messages are compressed, where that was agreed.
    deflate: Option<Deflate>,
    message: Option<(Opcode, Vec<u8>)>,
    fragments: usize,
    text: Utf8,
    /// Whether the opening handshake has succeeded.
    is_open: bool,
    failed: bool,
    /// Whether the frame before was a Ping.
    after_ping: bool,
    held_back: Vec<Frame>,
    out: Vec<u8>,
    /// What a defect does not let go.
    kept: Vec<Vec<u8>>,
    /// What a client does not read, where that waits in a queue.
    queue: Vec<u8>,
    was_reset: bool,
    /// Whether the credential was right once.
    was_let_in: bool,
    unanswered_pings: u32,
    next_ping: Instant,
    opened: Instant,
    idle_from: Instant,
}

/// Whether the connection goes on.
#[derive(PartialEq)]
enum Goes {
    On,
    /// Both Closes have passed, or the connection failed.
    Down,
}

impl Connection {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        let defect = shared.defect;
        let declared = shared.kind.most();
        let most = match defect {
            Some(Defect::LimitNotKept) => declared * 4,
            Some(Defect::LimitTooLow) => declared / 2,
            _ => declared,
        };
        let strict = Decoder::strict(Sender::Client, most);
        let (decoder, rules) = match defect {
            Some(defect) if defect.overlooks() => (
                Decoder::lenient(match defect {
                    Defect::AnyLengthAwaited => u64::MAX,
                    _ => declared,
                }),
                Some(Rules::new(Sender::Client)),
            ),
            _ => (strict, None),
        };
        Self {
            stream,
            shared,
            defect,
            decoder,
            rules,
            key_with_blanks: Vec::new(),
            offers: Vec::new(),
            most,
            deflate: None,
            message: None,
            fragments: 0,
            text: Utf8::default(),
            is_open: false,
            failed: false,
            after_ping: false,
            held_back: Vec::new(),
            out: Vec::new(),
            kept: Vec::new(),
            queue: Vec::new(),
            was_reset: false,
            was_let_in: false,
            unanswered_pings: 0,
            next_ping: Instant::now() + PING,
            opened: Instant::now(),
            idle_from: Instant::now(),
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    async fn serve(mut self) {
        let shared = Arc::clone(&self.shared);
        let connection = Counted::new(&shared.open);
        let timed = shared.kind == Kind::Guarded
            && !self.has(Defect::HandshakeNotTimed)
            && !self.has(Defect::HandshakeTimerRestarts);
        let opened = match timed {
            true => timeout(HANDSHAKE, self.open(connection.1))
                .await
                .unwrap_or_default(),
            false => self.open(connection.1).await,
        };
        if opened.is_some() {
            self.is_open = true;
            if self.has(Defect::LargeBuffers) {
                self.kept.push(vec![1; 1 << 20]);
            }
            match self.defect {
                Some(Defect::Greets) => self.send(Frame::text("hello")),
                Some(Defect::PingsFirst) => self.send(Frame::ping("first")),
                Some(Defect::PongsFirst) => self.send(Frame::pong("first")),
                _ => {}
            }
            while self.exchange().await == Some(Goes::On) {}
        }
        let is_garbage = self
            .deflate
            .as_ref()
            .is_some_and(Deflate::has_met_garbage);
        if is_garbage && self.has(Defect::GarbageEndsServing) {
            shared.stopped.store(true, Ordering::Relaxed);
        }
        if self.was_reset {
            shared.stopped.fetch_or(
                self.has(Defect::ResetEndsServing),
                Ordering::Relaxed,
            );
            if self.has(Defect::KeepsDescriptors) {
                shared.keep(self.stream);
            }
        }
    }

    /// What came of reading or writing; `None` at the end.
    fn noted<T>(&mut self, result: io::Result<T>) -> Option<T> {
        self.was_reset |= result.is_err();
        result.ok()
    }

    // The opening handshake.

    /// Answers requests until one switches; `None` at the end.
    async fn open(&mut self, number: usize) -> Option<()> {
        let mut received = Vec::with_capacity(16 << 10);
        loop {
            let head = self.read_head(&mut received).await?;
            if self.shared.kind == Kind::Limited
                && number > CLIENTS
                && !self.has(Defect::NumberNotKept)
            {
                let status = match self.has(Defect::NumberRefusedWith400) {
                    true => 400,
                    false => 503,
                };
                return self.come_back(status).await;
            }
            let handshakes = &self.shared.handshakes;
            let handshake = handshakes.fetch_add(1, Ordering::Relaxed);
            if self.shared.kind == Kind::Rated
                && handshake >= HANDSHAKES
                && !self.has(Defect::RateNotKept)
            {
                let status = match self.has(Defect::RateRefusedWith400) {
                    true => 400,
                    false => 429,
                };
                return self.come_back(status).await;
            }
            let switches = matches!(
                self.defect,
                Some(Defect::ShutdownSwitches | Defect::ShutdownAccepts)
            );
            if *self.shared.ending.borrow() && !switches {
                return self.come_back(503).await;
            }
            let content = match self.content(&head) {
                Ok(content) => content,
                Err(()) => return self.give_up(400).await,
            };
            let waits = self.has(Defect::ContinueNotSaid)
                && head.fields.contains("Expect");
            if !waits && !self.has(Defect::ContentNotRead) {
                let expects = head.fields.contains("Expect");
                if expects && received.is_empty() {
                    self.write("HTTP/1.1 100 Continue\r\n\r\n")
                        .await?;
                }
                if !self.skip(content, &mut received).await? {
                    return self.give_up(400).await;
                }
            }
            if self.answer_to(&head).await? {
                if !self.has(Defect::EarlyFramesLost) {
                    self.decoder.push(&received);
                }
                return Some(());
            }
            if self.has(Defect::PipelinedLost) {
                received.clear();
            }
            if self.has(Defect::SwitchesAfterRefusal)
                && head.fields.contains("Upgrade")
            {
                self.decoder.push(&received);
                return Some(());
            }
            let says_close = head.fields.has_token("Connection", "close")
                || head.version == "HTTP/1.0";
            if says_close && !self.has(Defect::AnswersBehindClose)
                || self.has(Defect::EndsBehindRefusal)
            {
                self.end().await;
                return None;
            }
        }
    }

    /// Reads the next head; `None` if there is none any more.
    async fn read_head(
        &mut self,
        received: &mut Vec<u8>,
    ) -> Option<RequestHead> {
        let shared = Arc::clone(&self.shared);
        let unfinished = Counted::new(&shared.unfinished);
        if self.has(Defect::FewUnfinishedRequests) && unfinished.1 > 100 {
            self.read_to_the_end().await;
            return None;
        }
        loop {
            if self.has(Defect::HeadReadAgain) {
                for _ in 0..50 {
                    std::hint::black_box(http::head_length(received));
                }
            }
            while received.starts_with(b"\r\n")
                && !self.has(Defect::EmptyLineIsError)
            {
                received.drain(..2);
            }
            let is_tls = received.first() == Some(&0x16);
            if is_tls && !self.has(Defect::TlsAwaitedAsHttp) {
                return self.give_up(400).await;
            }
            if let Some(length) = http::head_length(received) {
                let head = http::repaired(&received[..length], self.defect);
                self.key_with_blanks = key_line(&head);
                self.offers = http::offers(&head);
                received.drain(..length);
                let Ok(Some((head, _))) = RequestHead::decode(&head) else {
                    let is_text = std::str::from_utf8(&head).is_ok();
                    if self.has(Defect::DiesOfOctets) && !is_text {
                        return None;
                    }
                    return self.give_up(400).await;
                };
                let not_text = head
                    .fields
                    .iter()
                    .any(|(_, value)| std::str::from_utf8(value).is_err());
                if self.has(Defect::DiesOfOctets) && not_text {
                    return None;
                }
                let many = head.fields.iter().count() > 1000;
                if length > MOST_OF_HEAD
                    || many && self.has(Defect::ManyFieldsHang)
                {
                    return self.too_long().await;
                }
                return Some(head);
            }
            if received.len() > MOST_OF_HEAD && !self.has(Defect::HeadReadAgain)
            {
                return self.too_long().await;
            }
            if !received.is_empty() && self.has(Defect::RequestInOneSegment) {
                return self.give_up(400).await;
            }
            let read = self.stream.read_buf(received);
            let read = match self.defect {
                Some(Defect::HandshakeTimerRestarts) => {
                    timeout(HANDSHAKE, read).await.ok()?
                }
                _ => read.await,
            };
            if self.noted(read)? == 0 {
                return None;
            }
        }
    }

    /// Answers with an error and ends the connection.
    async fn give_up<T>(&mut self, status: u16) -> Option<T> {
        self.answer(status, "No", &[("Connection", "close")])
            .await?;
        self.end().await;
        None
    }

    /// Answers that now is not the time, and ends the connection.
    async fn come_back<T>(&mut self, status: u16) -> Option<T> {
        let fields = [("Retry-After", "1"), ("Connection", "close")];
        self.answer(status, "Not Now", &fields).await?;
        self.end().await;
        None
    }

    async fn too_long<T>(&mut self) -> Option<T> {
        match self.defect {
            Some(Defect::LongHeadDropped) => None,
            Some(Defect::LongHeadHangs | Defect::ManyFieldsHang) => {
                self.read_to_the_end().await;
                None
            }
            _ => self.give_up(431).await,
        }
    }

    /// The content that a request has, or that its end can't be known.
    fn content(&self, head: &RequestHead) -> Result<http::Content, ()> {
        let content = http::content(&head.fields);
        let coding = head.fields.contains("Transfer-Encoding");
        let overlooks = match self.defect {
            Some(Defect::LengthAndCodingTaken) => {
                coding && head.fields.contains("Content-Length")
            }
            Some(Defect::CodingNotChecked) => {
                coding && !head.fields.contains("Content-Length")
            }
            Some(Defect::LengthNotChecked) => !coding,
            _ => false,
        };
        match content {
            Err(()) if overlooks => Ok(http::Content::Length(0)),
            content => content,
        }
    }

    /// Reads content; whether it had an end.
    async fn skip(
        &mut self,
        content: http::Content,
        received: &mut Vec<u8>,
    ) -> Option<bool> {
        loop {
            match http::length_of(&content, received) {
                Ok(Some(length)) => {
                    received.drain(..length);
                    return Some(true);
                }
                Ok(None) if received.len() <= MOST_OF_HEAD => {}
                _ => return Some(false),
            }
            let read = self.stream.read_buf(received).await;
            if self.noted(read)? == 0 {
                return None;
            }
        }
    }

    /// Whether the answer is a 101.
    async fn answer_to(&mut self, head: &RequestHead) -> Option<bool> {
        let path = head.target.split('?').next().unwrap_or_default();
        let is_long = head.target.len() > 4000;
        let path = match path.strip_prefix("http://") {
            Some(rest) if !self.has(Defect::TargetPathOnly) => {
                rest.find('/').map_or("/", |slash| &rest[slash..])
            }
            _ => path,
        };
        if path != "/ws"
            || self.has(Defect::QueryIsPath) && head.target.contains('?')
            || self.has(Defect::ShortTargets) && is_long
        {
            let status = match self.has(Defect::UnknownResourceIs200) {
                true => (200, "OK"),
                false => self.refusal_status(404),
            };
            self.answer(status.0, status.1, &[]).await?;
            return Some(false);
        }
        match self.check(head) {
            Ok(accept) => {
                if self.shared.kind == Kind::Guarded
                    && !self.lets_in(head).await?
                {
                    return Some(false);
                }
                if self.has(Defect::OfferReadAgain) {
                    http::read_offers_again(&head.fields);
                }
                let broken = http::is_too_much(&head.fields, self.defect);
                if broken {
                    self.answer(500, "Broken", &[]).await?;
                    return Some(false);
                }
                if !self.has(Defect::OffersNotRead)
                    && http::is_malformed_offer(&head.fields)
                    && !self.takes_any_offer()
                {
                    self.answer(400, "Bad Offer", &[]).await?;
                    return Some(false);
                }
                let deflate = match self.shared.kind {
                    Kind::Deflate => Negotiated::of(&head.fields, self.defect),
                    _ => Negotiated::default(),
                };
                if deflate.is_declined && self.has(Defect::DeclinesWith400) {
                    self.answer(400, "Bad Offer", &[]).await?;
                    return Some(false);
                }
                self.switch(head, accept, deflate.answer).await?;
                self.begin_to_deflate(deflate.agreement);
                if self.has(Defect::DemandsExtension)
                    && head.fields.contains("Sec-WebSocket-Extensions")
                {
                    self.send(Frame::close(StatusCode(1010), "x-one"));
                }
                Some(!self.has(Defect::Status200))
            }
            Err(refusal) => {
                self.refuse(refusal, head).await?;
                Some(false)
            }
        }
    }

    /// Whether origin and credential are right; whoever is not let in has his
    /// answer.
    async fn lets_in(&mut self, head: &RequestHead) -> Option<bool> {
        if !guard::origin_is_allowed(&head.fields, self.defect) {
            let status = match self.has(Defect::OriginRefusedWith400) {
                true => 400,
                false => 403,
            };
            self.answer(status, "No", &[]).await?;
            return Some(false);
        }
        let inherited =
            self.has(Defect::CredentialInherited) && self.was_let_in;
        if inherited || guard::credential_is_right(&head.fields, self.defect) {
            return Some(true);
        }
        let challenge = [("WWW-Authenticate", "Bearer")];
        let fields = match self.has(Defect::NoChallenge) {
            true => &challenge[..0],
            false => &challenge,
        };
        self.answer(401, "No", fields).await?;
        Some(false)
    }

    /// Whether the defect shows only where malformed offers are not refused.
    fn takes_any_offer(&self) -> bool {
        matches!(
            self.defect,
            Some(
                Defect::SubprotocolsAsOffered
                    | Defect::SubprotocolNotOffered
                    | Defect::AnyExtension
                    | Defect::ExtensionFieldEmpty
                    | Defect::CopiesControlOctets
            )
        )
    }

    fn refusal_status(&self, status: u16) -> (u16, &'static str) {
        match self.defect {
            Some(Defect::RefusalIs200) => (200, "OK"),
            Some(Defect::RefusalIs500) => (500, "Broken"),
            _ => (status, "No"),
        }
    }

    /// The rules for the request, with what the defect makes of them.
    fn check(&self, head: &RequestHead) -> Result<String, Refusal> {
        let fields = &head.fields;
        let defect = self.defect;
        let all = |name| {
            let values: Vec<_> = fields
                .all(name)
                .map(String::from_utf8_lossy)
                .collect();
            values.join(", ")
        };
        let (upgrade, connection) = (all("Upgrade"), all("Connection"));
        let (key, version) =
            (all("Sec-WebSocket-Key"), all("Sec-WebSocket-Version"));
        let has = |value: &str, part| value.to_lowercase().contains(part);
        let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();

        let refused = match defect {
            Some(Defect::UpgradeWithCase) => {
                (!upgrade.contains("websocket")).then_some(Refusal::Upgrade)
            }
            Some(Defect::UpgradeNoList) => {
                upgrade.contains(',').then_some(Refusal::Upgrade)
            }
            Some(Defect::ConnectionWithCase) => {
                (!connection.contains("Upgrade")).then_some(Refusal::Connection)
            }
            Some(Defect::ConnectionNoList) => connection
                .contains(',')
                .then_some(Refusal::Connection),
            Some(Defect::ConnectionFirstLine) => {
                let first = fields.all("Connection").next();
                let first = String::from_utf8_lossy(first.unwrap_or_default());
                (!has(&first, "upgrade")).then_some(Refusal::Connection)
            }
            Some(Defect::EmptyElementIsError) => connection
                .starts_with(',')
                .then_some(Refusal::Connection),
            Some(Defect::FieldOrderMatters) => {
                let at = |name: &str| {
                    names
                        .iter()
                        .position(|it| it.eq_ignore_ascii_case(name))
                };
                (at("Host") > at("Upgrade")).then_some(Refusal::Host)
            }
            Some(Defect::FieldNamesWithCase) => names
                .iter()
                .any(|name| {
                    *name == name.to_lowercase() || *name == name.to_uppercase()
                })
                .then_some(Refusal::Host),
            Some(Defect::KeyOfZerosRefused) => key
                .starts_with("AAAAAAAAAAAA")
                .then_some(Refusal::Key),
            Some(Defect::FewFields) => {
                (names.len() > 16).then_some(Refusal::Host)
            }
            _ => None,
        };
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        let host = fields.only("Host").unwrap_or_default();
        if !self.has(Defect::HostValueNotChecked)
            && !self.has(Defect::HostNotChecked)
            && host.iter().any(|octet| b" /?#@".contains(octet))
        {
            return Err(Refusal::Host);
        }
        let verdict = check_request(head);
        let Err(refusal) = verdict else {
            return verdict;
        };
        let overlooked = match (defect, refusal) {
            (Some(Defect::AnyMethod), Refusal::Method) => {
                has(&upgrade, "websocket")
            }
            (Some(Defect::MethodWithoutCase), Refusal::Method) => {
                head.method.eq_ignore_ascii_case("GET")
            }
            (Some(Defect::Http10IsSwitched), Refusal::HttpVersion)
            | (Some(Defect::HostNotChecked), Refusal::Host)
            | (Some(Defect::ConnectionNotChecked), Refusal::Connection)
            | (Some(Defect::KeyNotChecked), Refusal::Key)
            | (Some(Defect::VersionNotChecked), Refusal::Version) => true,
            // Without both tokens it is an ordinary request, which the cases
            // for 405 and 426 make.
            (Some(Defect::UpgradeNotChecked), Refusal::Upgrade) => {
                has(&connection, "upgrade")
            }
            (Some(Defect::UpgradeSubstring), Refusal::Upgrade) => {
                has(&upgrade, "websocket")
            }
            (Some(Defect::ConnectionSubstring), Refusal::Connection) => {
                has(&connection, "upgrade")
            }
            (Some(Defect::KeyLengthOnly), Refusal::Key) => key.len() == 24,
            (Some(Defect::KeyFirstCounts), Refusal::Key) => key.contains(','),
            (Some(Defect::VersionAtLeast13), Refusal::Version) => {
                version
                    .parse()
                    .is_ok_and(|version: u32| version >= 13)
                    && !version.starts_with('0')
            }
            (Some(Defect::VersionDigitsOnly), Refusal::Version) => {
                let digits: String = version
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect();
                digits.trim_start_matches('0') == "13"
            }
            (Some(Defect::VersionCutToOctet), Refusal::Version) => {
                version
                    .parse()
                    .is_ok_and(|version: u32| version % 256 == 13)
                    && !version.starts_with('0')
            }
            _ => false,
        };
        if overlooked {
            Ok(accept(key.as_bytes()))
        } else {
            Err(refusal)
        }
    }

    /// From the first frame on messages may be compressed.
    fn begin_to_deflate(&mut self, agreement: Option<Agreement>) {
        self.deflate = match agreement {
            Some(agreement) => Some(Deflate::new(agreement, self.defect)),
            None if self.has(Defect::Rsv1WithoutAgreement) => {
                let plain = Agreement::from(Parameters::default());
                let deflate = Deflate::new(plain, self.defect);
                Some(deflate.without_compressing())
            }
            None => return,
        };
        self.decoder = Decoder::lenient(self.most);
        self.rules = Some(Rules::new(Sender::Client).with_deflate());
    }

    async fn switch(
        &mut self,
        head: &RequestHead,
        mut accept_value: String,
        accepted: Option<String>,
    ) -> Option<()> {
        let fields = &head.fields;
        let offered = |name| {
            let offer = fields.list(name).next();
            offer.map(|offer| String::from_utf8_lossy(offer).into_owned())
        };
        let mut answer = vec![
            ("Upgrade", "websocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
        ];
        let (protocol, extensions) =
            ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions");
        answer.extend(accepted.map(|it| (extensions, it)));
        let mut status = (101, "Switching Protocols");
        match self.defect {
            Some(Defect::Status200) => status = (200, "OK"),
            Some(Defect::AnswerLacksUpgrade) => drop(answer.remove(0)),
            Some(Defect::AnswerLacksConnection) => drop(answer.remove(1)),
            Some(Defect::WrongAccept) => accept_value = accept(b"another"),
            Some(Defect::AcceptWithBlanks) => {
                accept_value = accept(&self.key_with_blanks);
            }
            Some(Defect::SubprotocolNotOffered) => {
                let own = offered(protocol).map(|_| "echo".to_owned());
                answer.extend(own.map(|it| (protocol, it)));
            }
            Some(Defect::SubprotocolUnasked) => {
                answer.push((protocol, "echo".to_owned()));
            }
            Some(Defect::SubprotocolsAsOffered) => {
                let offer = fields.all(protocol).next();
                let offer = offer.map(String::from_utf8_lossy);
                answer.extend(offer.map(|it| (protocol, it.into_owned())));
            }
            Some(Defect::CopiesControlOctets) => {
                for offer in std::mem::take(&mut self.offers) {
                    answer.push(("X-Offered", offer));
                }
            }
            Some(Defect::ExtensionFieldEmpty)
                if fields.contains(extensions) =>
            {
                answer.push((extensions, String::new()));
            }
            Some(Defect::AnyExtension) => {
                answer.extend(offered(extensions).map(|it| (extensions, it)));
            }
            Some(Defect::ExtensionUnasked) => {
                answer.push((extensions, "x-zip".to_owned()));
            }
            Some(Defect::LengthIn101) => {
                answer.push(("Content-Length", "0".to_owned()));
            }
            _ => {}
        }
        if self.shared.kind == Kind::Guarded
            && !self.has(Defect::SubprotocolNotNamed)
            && fields.has_token(protocol, guard::SUBPROTOCOL)
        {
            let named = match self.has(Defect::SubprotocolCredentialNamed) {
                true => fields.list(protocol).last(),
                false => None,
            };
            let named = named.map(String::from_utf8_lossy);
            let named = named.unwrap_or(guard::SUBPROTOCOL.into());
            answer.push((protocol, named.into_owned()));
        }
        answer.push(("Sec-WebSocket-Accept", accept_value));
        let answer: Vec<_> = answer
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        self.answer(status.0, status.1, &answer).await
    }

    async fn refuse(
        &mut self,
        refusal: Refusal,
        head: &RequestHead,
    ) -> Option<()> {
        self.was_let_in = guard::credential_is_right(&head.fields, None);
        // An ordinary GET is told that there is something to upgrade to.
        let status = match refusal {
            Refusal::Upgrade | Refusal::Connection => 426,
            refusal => refusal.status(),
        };
        let mut fields = Vec::new();
        let cookie = head.fields.only("Cookie").unwrap_or_default();
        let cookie = String::from_utf8_lossy(cookie);
        if self.has(Defect::RefusalRepeatsFields) {
            fields.push(("X-Cookie", &*cookie));
        }
        if !self.has(Defect::RefusalWithoutVersion) {
            fields.push(("Sec-WebSocket-Version", "13"));
        }
        if status == 426 && !self.has(Defect::NoUpgradeIn426) {
            fields.push(("Upgrade", "websocket"));
            fields.push(("Connection", "Upgrade"));
        }
        if status == 405 && !self.has(Defect::NoAllow) {
            fields.push(("Allow", "GET"));
        }
        let (status, reason) = self.refusal_status(status);
        self.answer(status, reason, &fields).await
    }

    async fn answer(
        &mut self,
        status: u16,
        reason: &str,
        fields: &[(&str, &str)],
    ) -> Option<()> {
        let version = match self.has(Defect::Answers10) && status == 101 {
            true => "HTTP/1.0",
            false => "HTTP/1.1",
        };
        let mut head = format!("{version} {status} {reason}\r\n");
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        if status != 101 {
            head += "Content-Length: 0\r\n";
        }
        head += "\r\n";
        self.write(&head).await
    }

    async fn write(&mut self, text: &str) -> Option<()> {
        let written = self.stream.write_all(text.as_bytes()).await;
        self.noted(written)
    }

    // The open connection.

    /// Reads what comes and answers it; `None` at the end.
    async fn exchange(&mut self) -> Option<Goes> {
        let goes = self.answer_frames().await;
        self.swap_shared_buffer();
        let out = std::mem::take(&mut self.out);
        if self.has(Defect::QueuesWithoutEnd) {
            self.queue.extend_from_slice(&out);
        } else {
            let timed = self.shared.kind == Kind::Timed
                && !self.has(Defect::SendNotTimed);
            let writing = self.stream.write_all(&out);
            let written = match timed {
                true => timeout(SEND, writing).await.ok()?,
                false => writing.await,
            };
            self.noted(written)?;
        }
        if goes == Goes::Down {
            let queue = std::mem::take(&mut self.queue);
            let written = self.stream.write_all(&queue).await;
            self.noted(written)?;
            self.end().await;
            return None;
        }
        self.keep_room();
        let mut received = Vec::with_capacity(4096);
        let count = self.read(&mut received).await?;
        self.swap_shared_buffer();
        self.decoder.push(&received);
        if self.has(Defect::KeepsSegments) {
            self.kept.push(received);
        }
        if count == 0 && self.has(Defect::FinNotNoticed) {
            std::future::pending::<()>().await;
        }
        (count > 0).then_some(Goes::On)
    }

    /// Waits for octets; meanwhile writes what is in the queue, pings, and
    /// ends when the endpoint does.
    async fn read(&mut self, received: &mut Vec<u8>) -> Option<usize> {
        let mut ending = self.shared.ending.subscribe();
        loop {
            let pings = self.shared.kind == Kind::Guarded;
            let next_ping = self.next_ping;
            let out_of_time = self.out_of_time();
            let (mut reading, mut writing) = self.stream.split();
            let ends = async {
                _ = ending.wait_for(|ending| *ending).await;
            };
            tokio::select! {
                read = reading.read_buf(received) => {
                    self.idle_from = Instant::now();
                    return self.noted(read);
                }
                written = writing.write(&self.queue),
                    if !self.queue.is_empty() =>
                {
                    let count = self.noted(written)?;
                    self.queue.drain(..count);
                }
                () = sleep_until(next_ping), if pings => {
                    self.next_ping = next_ping + PING;
                    self.unanswered_pings += 1;
                    if self.unanswered_pings > 3
                        && !self.has(Defect::PingsNotCounted)
                    {
                        return None;
                    }
                    self.send(Frame::ping("alive"));
                    let ping = std::mem::take(&mut self.out);
                    let written = self.stream.write_all(&ping).await;
                    self.noted(written)?;
                }
                code = out_of_time => {
                    if !self.has(Defect::IdleEndsSilently) {
                        self.send(Frame::close(code, ""));
                        let close = std::mem::take(&mut self.out);
                        let written = self.stream.write_all(&close).await;
                        self.noted(written)?;
                    }
                    self.end().await;
                    return None;
                }
                () = ends => {
                    if !self.has(Defect::ShutdownSilent) {
                        self.send(Frame::close(StatusCode::GOING_AWAY, ""));
                        let close = std::mem::take(&mut self.out);
                        let written = self.stream.write_all(&close).await;
                        self.noted(written)?;
                    }
                    self.end().await;
                    return None;
                }
            }
        }
    }

    /// Waits for the moment at which the connection has been idle for too
    /// long, or open.
    fn out_of_time(&self) -> impl Future<Output = StatusCode> + use<> {
        let is_timed =
            |defect| self.shared.kind == Kind::Timed && !self.has(defect);
        // Where the age does not count, neither does idleness: a test that is
        // slow would be closed for that.
        let idle =
            is_timed(Defect::IdleNotTimed) && !self.has(Defect::AgeNotTimed);
        let idle = idle.then_some(self.idle_from + IDLE);
        let old = is_timed(Defect::AgeNotTimed);
        let old = old.then_some(self.opened + AGE);
        async move {
            let at = |moment: Option<Instant>| async move {
                match moment {
                    Some(moment) => sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = at(old) => StatusCode::POLICY_VIOLATION,
                () = at(idle) => StatusCode::GOING_AWAY,
            }
        }
    }

    /// Room that a defect makes for what has not come.
    fn keep_room(&mut self) {
        const ROOM: u64 = 1 << 20;
        if !self.kept.is_empty() {
            return;
        }
        let announced = self.decoder.partial();
        let announced = announced.map_or(0, |it| it.payload_length);
        let room = match self.defect {
            Some(Defect::AllocatesAnnounced) => announced.min(ROOM),
            Some(Defect::UnfinishedHasRoom) if self.message.is_some() => ROOM,
            _ => return,
        };
        if room > 0 {
            let room = usize::try_from(room).expect("a mebibyte");
            self.kept.push(vec![1; room]);
        }
    }

    fn swap_shared_buffer(&mut self) {
        if self.has(Defect::SharedBuffer) {
            let shared = &self.shared.decoder;
            let mut shared = shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut self.decoder, &mut shared);
        }
    }

    /// FIN, and then everything that still comes, so that no RST destroys
    /// what the peer has not read yet.
    async fn end(&mut self) {
        let leaves_open = match self.failed {
            true => self.has(Defect::FailsAndStaysOpen),
            false => self.has(Defect::TcpStaysOpen),
        };
        if self.has(Defect::ResetsAfterClose) && self.is_open && !self.failed {
            _ = self.stream.set_zero_linger();
            return;
        }
        if self.has(Defect::CloseAwaited) {
            self.read_to_the_end().await;
        }
        if !leaves_open {
            _ = self.stream.shutdown().await;
        }
        self.read_to_the_end().await;
    }

    /// Where time counts it is no more than a MiB: a client that was late may
    /// only begin to pour.
    async fn read_to_the_end(&mut self) {
        let mut left = match self.shared.kind {
            Kind::Timed => 1 << 20,
            _ => usize::MAX,
        };
        let mut rest = vec![0; 4096];
        loop {
            let read = self.stream.read(&mut rest).await;
            let count = self.noted(read).unwrap_or_default();
            left = left.saturating_sub(count);
            if count == 0 || left == 0 {
                return;
            }
        }
    }

    /// Answers the frames that are complete.
    async fn answer_frames(&mut self) -> Goes {
        loop {
            let frame = match self.decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(violation) => return self.fail(&violation),
            };
            let ping = frame.opcode == Opcode::PING;
            let again = std::mem::replace(&mut self.after_ping, ping);
            if ping && again && self.has(Defect::FirstPingOnly) {
                continue;
            }
            if self.answer_frame(frame) == Goes::Down {
                return Goes::Down;
            }
        }
        if self.has(Defect::FrameInOneSegment)
            && !self.decoder.is_between_frames()
        {
            return self.fail(&Violation::NothingToContinue);
        }
        Goes::On
    }

    fn answer_frame(&mut self, frame: Frame) -> Goes {
        let frame = match self.defect {
            Some(Defect::ReservedDataIsText)
                if matches!(frame.opcode.bits(), 3..=7) =>
            {
                Frame {
                    opcode: Opcode::TEXT,
                    ..frame
                }
            }
            _ => frame,
        };
        match self.legal(&frame) {
            Ok(true) => self.take(frame),
            Ok(false) => Goes::On,
            Err(violation) => self.fail(&violation),
        }
    }

    /// Whether the frame is to be taken, to be passed over, or illegal; with
    /// what the defect makes of that.
    fn legal(&mut self, frame: &Frame) -> Result<bool, Violation> {
        let Some(rules) = &mut self.rules else {
            return Ok(true);
        };
        let mut header = frame.header();
        let looks_for_itself = matches!(
            self.defect,
            Some(
                Defect::NotUtf8Echoed
                    | Defect::Utf8AtMessageEnd
                    | Defect::Utf8AtFrameEnd
                    | Defect::Utf8EachFrameAlone
            )
        );
        if looks_for_itself && header.opcode == Opcode::TEXT {
            // For the rules it is binary; `text_is_fine` does the rest.
            header.opcode = Opcode::BINARY;
        }
        match self.defect {
            Some(Defect::ReservedBitsIgnored) => header.rsv = 0,
            Some(Defect::OtherBitsIgnored) => header.rsv &= RSV1,
            Some(Defect::Rsv1InControlIgnored)
                if header.opcode.is_control() =>
            {
                header.rsv &= !RSV1;
            }
            Some(Defect::Rsv1InContinuationIgnored)
                if header.opcode == Opcode::CONTINUATION =>
            {
                header.rsv &= !RSV1;
            }
            Some(Defect::ReservedBitsInControlIgnored)
                if header.opcode.is_control() =>
            {
                header.rsv = 0;
            }
            Some(Defect::UnmaskedAccepted) => {
                header
                    .masking_key
                    .get_or_insert(MaskingKey([0; 4]));
            }
            Some(Defect::LongerLengthAccepted) => {
                header.length_form =
                    LengthForm::shortest(header.payload_length);
            }
            Some(Defect::ReservedDataIsText)
                if matches!(header.opcode.bits(), 3..=7) =>
            {
                header.opcode = Opcode::TEXT;
            }
            _ => {}
        }
        let verdict = rules
            .header(&header)
            .and_then(|()| rules.payload(&frame.payload))
            .and_then(|()| rules.end(&header));
        let Err(violation) = verdict else {
            return Ok(true);
        };
        let long = frame.length_form;
        match (self.defect, &violation) {
            (
                Some(Defect::StrayContinuationIgnored),
                Violation::NothingToContinue,
            )
            | (
                Some(Defect::ReservedOpcodeIgnored),
                Violation::ReservedOpcode(_),
            ) => Ok(false),
            (
                Some(Defect::StrayContinuationStarts),
                Violation::NothingToContinue,
            )
            | (Some(Defect::Interleaving), Violation::MessageUnfinished(_))
            | (
                Some(Defect::ControlFinIgnored),
                Violation::FragmentedControl(_),
            )
            | (Some(Defect::LongControl), Violation::ControlTooLong(..))
            | (Some(Defect::OneOctetClose), Violation::CloseBodyOneOctet)
            | (
                Some(Defect::CloseIgnored),
                Violation::CloseBodyOneOctet
                | Violation::CloseCode(_)
                | Violation::ReasonNotUtf8,
            )
            | (Some(Defect::AnyCloseCode), Violation::CloseCode(_))
            | (Some(Defect::ReasonNotChecked), Violation::ReasonNotUtf8) => {
                Ok(true)
            }
            (
                Some(Defect::LongControl64Bits),
                Violation::ControlTooLong(..),
            ) if long == LengthForm::Bits64 => Ok(true),
            (Some(Defect::CloseCodesFrom3000), Violation::CloseCode(code))
                if code.0 >= 3000 =>
            {
                Ok(true)
            }
            (
                Some(Defect::ReservedDataIsText),
                Violation::ReservedOpcode(_),
            ) => Ok(false),
            (
                Some(Defect::InterleavingOfTypes),
                Violation::MessageUnfinished(opcode),
            ) if rules.unfinished_message() != Some(*opcode) => Ok(true),
            (
                Some(Defect::ControlFragmentsJoined),
                Violation::FragmentedControl(opcode),
            ) => {
                self.message = Some((*opcode, frame.payload.to_vec()));
                Ok(false)
            }
            (
                Some(Defect::ControlFragmentsJoined),
                Violation::NothingToContinue,
            ) => match self.message.take() {
                Some((Opcode::PING, mut payload)) => {
                    payload.extend_from_slice(&frame.payload);
                    self.send(Frame::pong(payload));
                    Ok(false)
                }
                Some(_) => Ok(false),
                None => Err(violation),
            },
            (Some(Defect::ProcessesAfterFailing), _) => {
                self.fail(&violation);
                Ok(false)
            }
            _ => Err(violation),
        }
    }

    fn take(&mut self, frame: Frame) -> Goes {
        match frame.opcode {
            Opcode::CLOSE => return self.close(&frame),
            Opcode::PING => self.answer_ping(frame),
            Opcode::PONG => return self.take_pong(&frame),
            _ => return self.take_data(frame),
        }
        Goes::On
    }

    fn take_data(&mut self, frame: Frame) -> Goes {
        let fragment = !frame.fin || self.message.is_some();
        if fragment {
            self.fragments += 1;
            if self.has(Defect::KeepsFragments) {
                self.kept.push(vec![1; 256]);
            }
            if self.has(Defect::FewFragments) && self.fragments > 64
                || self.has(Defect::FragmentsCounted) && self.fragments > 4096
                || self.has(Defect::EmptyFragmentIsError)
                    && frame.payload.is_empty()
            {
                return self.fail(&Violation::NothingToContinue);
            }
            if self.has(Defect::FragmentsEchoedAlone) {
                let opcode = self
                    .message
                    .get_or_insert((frame.opcode, vec![]))
                    .0;
                if frame.fin {
                    self.message = None;
                }
                self.send(Frame::new(opcode, frame.payload));
                return Goes::On;
            }
        }
        if frame.opcode != Opcode::CONTINUATION {
            if self.has(Defect::StrayContinuationStarts)
                && self.message.is_some()
            {
                return self.fail(&Violation::MessageUnfinished(frame.opcode));
            }
            self.message = None;
            self.text = Utf8::default();
        }
        let first = match frame.opcode {
            Opcode::CONTINUATION => Opcode::TEXT,
            opcode => opcode,
        };
        let (opcode, mut payload) =
            self.message.take().unwrap_or((first, Vec::new()));
        let mut compressed = self
            .rules
            .as_ref()
            .is_some_and(Rules::is_compressed);
        let alone = fragment && self.has(Defect::FragmentsInflatedAlone);
        if compressed && alone {
            match self.inflate(opcode, &frame.payload) {
                Ok(part) => payload.extend(part.unwrap_or_default()),
                Err(violation) => return self.fail(&violation),
            }
            compressed = false;
        } else {
            payload.extend_from_slice(&frame.payload);
        }
        let length = payload.len() as u64;
        if length > self.most {
            let limit = self.most;
            return self.fail(&Violation::TooBig { length, limit });
        }
        if opcode == Opcode::TEXT && !self.text_is_fine(&frame, &payload) {
            return self.fail(&Violation::TextNotUtf8);
        }
        let waits_for_more = self.has(Defect::EmptyLastFragmentIgnored)
            && fragment
            && frame.payload.is_empty();
        if !frame.fin || waits_for_more {
            self.message = Some((opcode, payload));
            return Goes::On;
        }
        self.fragments = 0;
        if compressed {
            payload = match self.inflate(opcode, &payload) {
                Ok(Some(message)) => message,
                Ok(None) => return Goes::On,
                Err(violation) => return self.fail(&violation),
            };
        } else if self.has(Defect::UncompressedResetsInflater)
            && let Some(deflate) = &mut self.deflate
        {
            deflate.forget();
        }
        let opcode = match fragment && self.has(Defect::FragmentsAreText) {
            true => Opcode::TEXT,
            false => opcode,
        };
        self.echo(opcode, payload);
        for held_back in std::mem::take(&mut self.held_back) {
            self.send(held_back);
        }
        Goes::On
    }

    fn inflate(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, Violation> {
        let most = self.most;
        match &mut self.deflate {
            Some(deflate) => deflate.inflate(opcode, payload, most),
            None => Err(Violation::ReservedBits(RSV1)),
        }
    }

    fn echo(&mut self, mut opcode: Opcode, mut payload: Vec<u8>) {
        match self.defect {
            Some(Defect::TextAsBinary) if opcode == Opcode::TEXT => {
                opcode = Opcode::BINARY;
            }
            Some(Defect::BinaryAsText) if opcode == Opcode::BINARY => {
                opcode = Opcode::TEXT;
            }
            Some(Defect::WrongOctets) => payload.fill(b'#'),
            Some(Defect::EchoCut) => payload.truncate(65535),
            Some(Defect::EmptyNotEchoed) if payload.is_empty() => return,
            Some(Defect::EchoInFragments) => {
                let rest = payload.split_off(payload.len() / 2);
                self.send(Frame::new(opcode, payload).unfinished());
                self.send(Frame::ping("between"));
                self.send(Frame::continuation(rest));
                return;
            }
            Some(Defect::EchoedTwice) => {
                self.send(Frame::new(opcode, payload.clone()));
            }
            _ => {}
        }
        let frames = match &mut self.deflate {
            Some(deflate) => deflate.frames(opcode, payload),
            None => vec![Frame::new(opcode, payload)],
        };
        for frame in frames {
            self.send(frame);
        }
    }

    /// Looks at a text as the defect does, after each of its frames.
    fn text_is_fine(&mut self, frame: &Frame, message: &[u8]) -> bool {
        match self.defect {
            Some(Defect::Utf8AtMessageEnd) => {
                !frame.fin || std::str::from_utf8(message).is_ok()
            }
            Some(Defect::Utf8AtFrameEnd) => {
                self.text.push(&frame.payload).is_ok()
                    && (!frame.fin || self.text.finish().is_ok())
            }
            Some(Defect::Utf8EachFrameAlone) => {
                std::str::from_utf8(&frame.payload).is_ok()
            }
            _ => true,
        }
    }

    fn answer_ping(&mut self, ping: Frame) {
        let mut payload = ping.payload;
        match self.defect {
            Some(Defect::PingNotAnswered) => return,
            Some(Defect::PongEmpty) => payload.clear(),
            Some(Defect::PongCut) => payload.truncate(64),
            Some(Defect::PongEndsAtNul) => {
                let nul = payload.iter().position(|octet| *octet == 0);
                payload.truncate(nul.unwrap_or(payload.len()));
            }
            Some(Defect::PongAsText) => {
                let text = String::from_utf8_lossy(&payload).into_owned();
                payload = text.into_bytes().into();
                payload.truncate(125);
            }
            Some(Defect::PongPadded) => payload = vec![b'_'; 126].into(),
            _ => {}
        }
        let mut pong = Frame::pong(payload);
        if self.has(Defect::Rsv1OnPongs) {
            pong = pong.with_rsv(RSV1);
        }
        if self.has(Defect::PingResetsInflater)
            && self.message.is_some()
            && let Some(deflate) = &mut self.deflate
        {
            deflate.forget();
        }
        if self.has(Defect::PingAnsweredTwice) {
            self.send(pong.clone());
        }
        if self.has(Defect::PongHeldBack) && self.message.is_some() {
            self.held_back.push(pong);
        } else {
            self.send(pong);
        }
    }

    fn take_pong(&mut self, pong: &Frame) -> Goes {
        self.unanswered_pings = 0;
        match self.defect {
            Some(Defect::PongAnswered) => {
                self.send(Frame::pong(pong.payload.clone()));
            }
            Some(Defect::PongEndsMessage) => {
                if let Some((opcode, payload)) = self.message.take() {
                    self.send(Frame::new(opcode, payload));
                }
            }
            Some(Defect::PongIsError) => {
                return self.fail(&Violation::NothingToContinue);
            }
            Some(Defect::PongWithPayloadIsError)
                if !pong.payload.is_empty() =>
            {
                return self.fail(&Violation::NothingToContinue);
            }
            _ => {}
        }
        Goes::On
    }

    fn close(&mut self, close: &Frame) -> Goes {
        let code = close.status_code();
        let normal = StatusCode::NORMAL_CLOSURE;
        let plain = Frame::close_without_code();
        let with = |code| Frame::close(code, "");
        let refused = code.is_some_and(|code| match self.defect {
            Some(Defect::LaterCloseCodesRefused) => {
                (1012..=1014).contains(&code.0)
            }
            Some(Defect::ApplicationCloseCodesRefused) => code.0 >= 4000,
            _ => false,
        });
        if refused {
            return self.fail(&Violation::CloseBodyOneOctet);
        }
        let answer = match (self.defect, code) {
            (Some(Defect::LongControl), _) if close.payload.len() > 125 => {
                Frame::new(Opcode::CLOSE, close.payload.clone())
            }
            (Some(Defect::OneOctetClose), _) if close.payload.len() == 1 => {
                Frame::new(Opcode::CLOSE, close.payload.clone())
            }
            (Some(Defect::CloseInMessageIsError), _)
                if self.message.is_some() =>
            {
                with(StatusCode::PROTOCOL_ERROR)
            }
            (Some(Defect::CloseNotAnswered), _) => return Goes::Down,
            (Some(Defect::CloseIgnored), _) => return Goes::On,
            (Some(Defect::CloseWithReasonNotAnswered), _)
                if close.payload.len() > 2 =>
            {
                return Goes::Down;
            }
            (Some(Defect::EmptyCloseIs1005), None) => {
                with(StatusCode::NO_STATUS_RCVD)
            }
            (Some(Defect::EmptyCloseIs1001), None) => {
                with(StatusCode::GOING_AWAY)
            }
            (Some(Defect::CloseAnsweredWith1001), _) => {
                with(StatusCode::GOING_AWAY)
            }
            (Some(Defect::CloseAnsweredWith1006), _) => with(StatusCode(1006)),
            (Some(Defect::CloseAnsweredWithRubbish), _) => {
                Frame::close(normal, b"\xff")
            }
            (Some(Defect::CloseAnsweredWithoutCode), _) | (_, None) => plain,
            (Some(Defect::CloseAnsweredWith1000), _) => with(normal),
            (_, Some(code)) => with(code),
        };
        if self.has(Defect::CloseOvertakes) {
            let waiting = std::mem::take(&mut self.out);
            self.send(answer.clone());
            self.out.extend(waiting);
        } else {
            self.send(answer.clone());
        }
        if self.has(Defect::TextBehindOwnClose) {
            self.send(Frame::text("late"));
        }
        // What is behind the Close has come with it, or it never counts.
        while let Ok(Some(behind)) = self.decoder.next_frame() {
            match (self.defect, behind.opcode) {
                (Some(Defect::SecondCloseAnswered), Opcode::CLOSE) => {
                    self.send(answer.clone());
                }
                (Some(Defect::PingAfterCloseAnswered), Opcode::PING) => {
                    self.send(Frame::pong(behind.payload));
                }
                (Some(Defect::TextAfterCloseEchoed), Opcode::TEXT) => {
                    self.send(Frame::text(behind.payload));
                }
                _ => {}
            }
        }
        Goes::Down
    }

    /// Fails the WebSocket connection.
    fn fail(&mut self, violation: &Violation) -> Goes {
        self.failed = true;
        if self.has(Defect::CloseRepeatsText) {
            let text = std::mem::take(&mut self.message);
            let text = text.map(|(_, text)| text).unwrap_or_default();
            self.send(Frame::close(StatusCode(1007), text));
            return Goes::Down;
        }
        let code = match self.defect {
            Some(Defect::FailsWithoutClose) => return Goes::Down,
            Some(Defect::FailsWith1000) => StatusCode::NORMAL_CLOSURE,
            Some(Defect::FailsWith1011) => StatusCode::INTERNAL_ERROR,
            Some(Defect::NotUtf8Is1002) => StatusCode::PROTOCOL_ERROR,
            _ => violation.status_code(),
        };
        self.send(Frame::close(code, ""));
        Goes::Down
    }

    fn send(&mut self, frame: Frame) {
        let frame = match self.defect {
            Some(Defect::MasksItsFrames) => {
                frame.masked(MaskingKey([1, 2, 3, 4]))
            }
            Some(Defect::SetsReservedBit) => frame.with_rsv(0b100),
            Some(Defect::LongLengths) => {
                frame.with_length_form(LengthForm::Bits64)
            }
            _ => frame,
        };
        frame.encode(&mut self.out);
    }
}

/// What stands behind the blank that follows the colon.
fn key_line(head: &[u8]) -> Vec<u8> {
    let lines = head.split(|octet| *octet == b'\n');
    let mut values = lines.filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (name, value) = line.split_at_checked(19)?;
        name.eq_ignore_ascii_case(b"Sec-WebSocket-Key: ")
            .then_some(value)
    });
    values.next().unwrap_or_default().to_vec()
}
