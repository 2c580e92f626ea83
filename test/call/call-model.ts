/**
 * What a call does, as a model: which methods are legal in which order, and what each listener has heard once everything
 * has settled. Above: call-model.test.ts. Below: nothing of the library. Holds: one settle() plays out all that a burst of
 * operations brings about; what depends on a race is not decided here but excused, by a name that RACES explains.
 */

export type Side = 'client' | 'server';
export type Kind = 'unary' | 'client_streaming' | 'server_streaming' | 'bidi_streaming';

/** An operation on one end of a call. */
export interface Op {
  readonly name: string;
  readonly arg: number | string | boolean | null;
}

/** What a listener does inside one of its events; the handler counts as one. */
export interface Reaction {
  readonly event: string;
  readonly act: 'throw' | 'end' | 'request';
}

/** What a run is about. */
export interface Plan {
  readonly kind: Kind;
  readonly compression: string | null;
  readonly client: Reaction | null;
  readonly server: Reaction | null;
}

/** A message that serialize refuses, and one that deserialize does. */
export const POISON = 'poison';
export const BROKEN = 'broken';

/** How an end ends its call inside a listener. */
const CANCELLED_INSIDE = 'CANCELLED: inside a listener';
const CLOSED_INSIDE = 'NOT_FOUND: inside a listener';

/** The one list of what is not the same everywhere, and why. What is named here is compared only as far as it goes. */
export const RACES = Object.freeze({
  'request is the last of its burst':
    'request may deliver at once what waits already: how much that is depends on where node holds the bytes',
  'cancelled in the tick of its start':
    'HEADERS and RST_STREAM may leave together, and the server see a call that is over; within the process it sees none',
  'the client gives up while the response is on its way':
    'whether the server still hands over its trailers is a matter of the round trip',
  'what is queued at a reset may have gone out':
    'a reset overtakes the messages that were written in the same tick, or does not',
  'readiness is advice':
    'onReady and onWritten may come more or less often; isReady() of the client may lag behind the meeting and the end',
});
export type Race = keyof typeof RACES;

const TEXT_OF_THROW: Readonly<Record<string, string>> = {
  headers: 'CANCELLED: Failed to read headers',
  message: 'CANCELLED: Failed to read message.',
  closing: 'CANCELLED: Failed to call onClosing.',
  ready: 'CANCELLED: Failed to call onReady.',
  written: 'CANCELLED: Failed to call onWritten.',
};
const APPLICATION_ERROR = 'UNKNOWN: Application error processing RPC';
const UNPARSED = 'INTERNAL: Failed to parse the request';
const RESET = 'CANCELLED: stream reset by the peer with HTTP/2 code CANCEL';

const OK = 'ok';
/** What a caller sees that may be one thing or the other. */
export const ADVICE = 'advice';
const illegal = (text: string): string => `IllegalStateError: ${text}`;

/** One call, both ends. */
export class CallModel {
  readonly plan: Plan;
  readonly #oneRequest: boolean;
  readonly #oneResponse: boolean;
  /** What each listener has heard, but for onReady and onWritten. */
  readonly heard: Record<Side, string[]> = { client: [], server: [] };
  /** How many errors reached the hook. */
  readonly failures: Record<Side, number> = { client: 0, server: 0 };
  readonly written: Record<Side, number> = { client: 0, server: 0 };
  /** Why an end's events are certain no more; null while they are. */
  readonly race: Record<Side, Race | null> = { client: null, server: null };
  /** Whether the sums of onWritten are: not once an end gave up amid a burst. */
  isWrittenCertain = true;
  /** Whether the server knows of the call. */
  met = false;
  readonly #permits: Record<Side, number> = { client: 0, server: 0 };
  #client: 'idle' | 'open' | 'half-closed' | 'cancelled' = 'idle';
  #server: 'open' | 'headers-sent' | 'closed' = 'open';
  #started = false;
  #sent = 0;
  /** How the client ends by itself. */
  #failure: string | null = null;
  #clientClosed = false;
  /** Written with a hint and held; written in this burst; arrived. */
  #requestsHeld: string[] = [];
  #requestsOut: string[] = [];
  #requestsIn: string[] = [];
  #wasHalfClosed = false;
  #halfCloseDue = false;
  #headersDue = false;
  #responsesHeld: string[] = [];
  #responsesOut: string[] = [];
  #responsesIn: string[] = [];
  #responded = false;
  /** What the client hears once it has read everything. */
  #trailers: string | null = null;
  #closingTold = false;
  /** Whether the server's stream takes no more; and whether the listener has been told. */
  #serverStreamClosed = false;
  #serverEnded = false;
  #serverCancelled = false;
  /** Whether the handler threw, so that nobody listens. */
  #deaf = false;
  /** Whether the server has closed in this burst. */
  #closedJustNow = false;
  #openedJustNow = false;
  readonly #requestedJustNow: Record<Side, boolean> = { client: false, server: false };
  /** How much each had heard before this burst. */
  readonly #heardBefore: Record<Side, number> = { client: 0, server: 0 };

  constructor(plan: Plan) {
    this.plan = plan;
    this.#oneRequest = plan.kind === 'unary' || plan.kind === 'server_streaming';
    this.#oneResponse = plan.kind === 'unary' || plan.kind === 'client_streaming';
  }

  get isStarted(): boolean {
    return this.#started;
  }

  /** Does it; says what the caller sees: `ok`, a value, or the error. */
  apply(side: Side, op: Op): string {
    return side === 'client' ? this.#applyClient(op) : this.#applyServer(op);
  }

  #applyClient({ name, arg }: Op): string {
    if (name === 'start') return this.#start();
    if (name === 'cancel') return this.#cancel(`CANCELLED: ${arg}`);
    if (!this.#started) return illegal('Not started');
    if (name === 'request') return this.#request('client', Number(arg));
    if (name === 'isReady') return this.#clientIsReady();
    if (name === 'setMessageCompression') return OK;
    if (this.#client === 'cancelled') return illegal('call was cancelled');
    if (name === 'halfClose') return this.#halfClose();
    if (this.#client === 'half-closed') return illegal('call was half-closed');
    return this.#sendRequest(String(arg), name === 'sendHinted');
  }

  #start(): string {
    if (this.#started) return illegal('Already started');
    if (this.#client === 'cancelled') return illegal('call was cancelled');
    this.#started = true;
    this.#client = 'open';
    return OK;
  }

  #cancel(status: string): string {
    if (this.#client === 'cancelled') return OK;
    this.#client = 'cancelled';
    this.#failClient(status);
    return OK;
  }

  #failClient(status: string): void {
    if (!this.#started || this.#clientClosed) return;
    this.#failure ??= status;
    if (this.#requestsOut.length > 0 && this.met)
      this.#raceBegins('server', 'what is queued at a reset may have gone out');
    this.#requestsOut = [];
    this.#requestsHeld = [];
  }

  #clientIsReady(): string {
    if (this.#client !== 'open' || this.#clientClosed || this.#failure !== null || !this.#isAsked) return 'false';
    return this.met && this.#trailers === null ? 'true' : ADVICE;
  }

  get #isAsked(): boolean {
    return this.#started && (!this.#oneRequest || this.#wasHalfClosed || this.#sent > 1);
  }

  #halfClose(): string {
    if (this.#client === 'half-closed') return illegal('call already half-closed');
    this.#client = 'half-closed';
    this.#wasHalfClosed = true;
    this.#halfCloseDue = true;
    this.#requestsOut.push(...this.#requestsHeld.splice(0));
    return OK;
  }

  #sendRequest(text: string, isHeld: boolean): string {
    if (this.#clientClosed || this.#failure !== null) return OK;
    if (text === POISON) {
      this.#failClient('CANCELLED: Failed to stream message');
      return OK;
    }
    // Behind the server's end a message is dropped.
    if (this.#serverEnded) return OK;
    this.#sent += 1;
    this.#requestsHeld.push(text);
    if (!isHeld) this.#requestsOut.push(...this.#requestsHeld.splice(0));
    return OK;
  }

  #request(side: Side, count: number): string {
    if (!(count >= 0) || (!Number.isInteger(count) && count !== Number.POSITIVE_INFINITY)) return 'RangeError';
    this.#permits[side] += count;
    this.#requestedJustNow[side] = true;
    // What waits already is delivered at once.
    if (side === 'client') this.#readResponses();
    else this.#readRequests();
    return OK;
  }

  #applyServer({ name, arg }: Op): string {
    if (name === 'request') return this.#request('server', Number(arg));
    if (name === 'isReady') return String(this.#serverIsReady());
    if (name === 'isCancelled') return String(this.#serverCancelled);
    if (name === 'setMessageCompression') return OK;
    if (name === 'setCompression') return this.#setCompression(String(arg));
    if (name === 'sendHeaders') return this.#sendHeaders();
    if (name === 'close') return this.#close(String(arg));
    if (name === 'cancel') return this.#cancelServer(`DATA_LOSS: ${arg}`);
    return this.#sendResponse(String(arg), name === 'sendHinted');
  }

  #serverIsReady(): boolean {
    return this.#server !== 'closed' && !this.#serverCancelled && !this.#serverStreamClosed;
  }

  #setCompression(name: string): string {
    if (this.#server !== 'open') return illegal('sendHeaders has been called');
    return name === 'unheard-of' ? `TypeError: Unable to find compressor by name ${name}` : OK;
  }

  #sendHeaders(): string {
    if (this.#server === 'closed') return illegal('call is closed');
    if (this.#server === 'headers-sent') return illegal('sendHeaders has already been called');
    this.#server = 'headers-sent';
    if (!this.#serverStreamClosed) this.#headersDue = true;
    return OK;
  }

  #cancelServer(status: string): string {
    // What was closed in this burst may have left, or is lost with what was queued.
    if (this.#serverStreamClosed && !this.#serverEnded)
      this.#raceBegins('client', 'what is queued at a reset may have gone out');
    return this.#failServer(status);
  }

  #sendResponse(text: string, isHeld: boolean): string {
    if (this.#server === 'closed') return illegal('call is closed');
    if (this.#server === 'open') return illegal('sendHeaders has not been called');
    if (this.#serverCancelled || this.#serverEnded) return OK;
    if (this.#oneResponse && this.#responded) return this.#failServer('INTERNAL: Too many responses');
    this.#responded = true;
    if (text === POISON) {
      this.failures.server += 1;
      return this.#failServer('INTERNAL: Internal error so cancelling stream.');
    }
    if (this.#serverStreamClosed) return OK;
    this.#responsesHeld.push(text);
    if (!isHeld) this.#responsesOut.push(...this.#responsesHeld.splice(0));
    return OK;
  }

  /** What the side heard in this burst is not certain, nor is anything that follows. */
  #raceBegins(side: Side, race: Race): void {
    if (this.race[side] === null) this.heard[side].length = this.#heardBefore[side];
    this.race[side] ??= race;
    this.isWrittenCertain = false;
  }

  #close(status: string): string {
    if (this.#server === 'closed') return illegal('call already closed');
    this.#server = 'closed';
    const isMissing = status === 'OK' && this.#oneResponse && !this.#responded;
    if (isMissing) return this.#failServer('INTERNAL: Completed without a response');
    this.#closeStream(status);
    return OK;
  }

  #closeStream(status: string): void {
    if (this.#serverStreamClosed) return;
    this.#serverStreamClosed = true;
    this.#closedJustNow = true;
    this.#responsesOut.push(...this.#responsesHeld.splice(0));
    this.#trailers = status;
  }

  /** Trailers say why, unless something is queued ahead of them: then it is a reset, and what is queued is lost. */
  #failServer(status: string): string {
    if (this.#serverEnded) return OK;
    this.#serverCancelled = true;
    if (this.#serverStreamClosed) return OK;
    this.#serverStreamClosed = true;
    this.#closedJustNow = true;
    if (this.#responsesOut.length > 0) this.#raceBegins('client', 'what is queued at a reset may have gone out');
    // What is held has not gone out for sure, but it stands in the way of trailers.
    this.#trailers = this.#responsesHeld.length > 0 ? RESET : status;
    this.#responsesOut = [];
    this.#responsesHeld = [];
    return OK;
  }

  /** Plays out everything that the last burst has brought about. */
  settle(): void {
    for (let before = ''; before !== this.#fingerprint(); ) {
      before = this.#fingerprint();
      this.#openServer();
      this.#carryRequests();
      this.#carryResponses();
      this.#endClient();
    }
    this.#closedJustNow = false;
    this.#openedJustNow = false;
    for (const side of ['client', 'server'] as const) {
      this.#requestedJustNow[side] = false;
      this.#heardBefore[side] = this.heard[side].length;
    }
  }

  #fingerprint(): string {
    return JSON.stringify([this.heard, this.met, this.#permits, this.#failure, this.#trailers, this.#serverEnded]);
  }

  #openServer(): void {
    if (this.met || !this.#isAsked || this.#clientClosed) return;
    if (this.#failure !== null) {
      // Whether it was asked for in an earlier burst does not matter: then they have met.
      this.#raceBegins('server', 'cancelled in the tick of its start');
      return;
    }
    this.met = true;
    this.#openedJustNow = true;
    this.#react('server', 'handler');
    if (!this.#serverStreamClosed) this.#react('server', 'ready');
    if (!this.#oneRequest && !this.#wasHalfClosed) this.#react('client', 'ready');
  }

  #carryRequests(): void {
    if (this.met && this.#failure === null && !this.#clientClosed) {
      const count = this.#requestsOut.length;
      // What is written before the client can know of the server's end is written.
      if (!this.#serverStreamClosed || this.#closedJustNow) {
        this.written.client += count;
        this.#requestsIn.push(...this.#requestsOut);
        if (count > 0) this.#react('client', 'written');
      }
      this.#requestsOut = [];
    }
    this.#readRequests();
    const isCut = this.#failure !== null || this.#serverStreamClosed;
    if (this.met && this.#halfCloseDue && this.#requestsIn.length === 0 && !isCut) {
      this.#halfCloseDue = false;
      this.#tellServer('half-close');
    }
  }

  #readRequests(): void {
    while (this.#requestsIn.length > 0 && this.#permits.server > 0 && !this.#serverStreamClosed) {
      this.#permits.server -= 1;
      this.#tellServer('message', this.#requestsIn.shift() ?? '');
    }
  }

  #tellServer(event: string, text: string | null = null): void {
    if (text === BROKEN) {
      this.#failServer(UNPARSED);
      return;
    }
    this.#hear('server', text === null ? event : `${event} ${text}`);
    this.#react('server', event);
  }

  #serverThrew(): void {
    this.failures.server += 1;
    this.#closeStream(APPLICATION_ERROR);
  }

  #hear(side: Side, what: string): void {
    if (this.race[side] !== null || (side === 'server' && this.#deaf)) return;
    this.heard[side].push(what);
  }

  #carryResponses(): void {
    // A close inside onWritten lets go of what is held.
    while (this.#responsesOut.length > 0) {
      const responses = this.#responsesOut.splice(0);
      this.written.server += responses.length;
      this.#responsesIn.push(...responses);
      this.#react('server', 'written');
    }
    if (this.#serverStreamClosed) this.#endServer();
    if (this.#headersDue) {
      this.#headersDue = false;
      this.#tellClient('headers');
    }
    this.#readResponses();
    if (this.#trailers === null || this.#failure !== null) return;
    if (this.#responsesIn.length === 0) this.#closeClient(this.#trailers);
    else this.#tellClosing(this.#trailers);
  }

  /** The server's end waits behind what the client has not asked for. */
  #tellClosing(status: string): void {
    if (this.#closingTold || this.#clientClosed) return;
    this.#closingTold = true;
    this.#hear('client', `closing ${status}`);
    this.#react('client', 'closing');
  }

  #readResponses(): void {
    while (this.#responsesIn.length > 0 && this.#permits.client > 0 && this.#failure === null) {
      this.#permits.client -= 1;
      this.#tellClient('message', this.#responsesIn.shift() ?? '');
    }
  }

  #endServer(): void {
    if (this.#serverEnded) return;
    this.#serverEnded = true;
    this.#hear('server', this.#serverCancelled ? 'cancel' : 'complete');
    const reaction = this.plan.server;
    if (this.#deaf || reaction?.event !== 'end') return;
    if (reaction.act === 'throw') this.failures.server += 1;
    else this.#server = 'closed';
  }

  #tellClient(event: string, text: string | null = null): void {
    if (this.#failure !== null || this.#clientClosed) return;
    if (text === BROKEN) {
      this.#failClient(TEXT_OF_THROW['message'] ?? '');
      return;
    }
    this.#hear('client', text === null ? event : `${event} ${text}`);
    this.#react('client', event);
  }

  #closeClient(status: string): void {
    if (this.#clientClosed) return;
    this.#clientClosed = true;
    this.#hear('client', `close ${status}`);
    const reaction = this.plan.client;
    if (reaction?.event !== 'close') return;
    if (reaction.act === 'throw') this.failures.client += 1;
    if (reaction.act === 'end') this.#client = 'cancelled';
  }

  /** What the client has decided by itself. */
  #endClient(): void {
    if (this.#failure === null || this.#clientClosed) return;
    this.#closeClient(this.#failure);
    this.#responsesIn = [];
    this.#requestsIn = [];
    this.isWrittenCertain = false;
    if (!this.met || this.race.server !== null) return;
    if (this.#openedJustNow) this.#raceBegins('server', 'cancelled in the tick of its start');
    else if (this.#closedJustNow) this.#raceBegins('server', 'the client gives up while the response is on its way');
    if (this.race.server !== null) return;
    this.#serverCancelled ||= !this.#serverEnded;
    this.#serverStreamClosed = true;
    this.#endServer();
  }

  /** The listener does what the plan wants it to. */
  #react(side: Side, event: string): void {
    const reaction = this.plan[side];
    if (reaction?.event !== event) return;
    if (event === 'written' && this.#requestedJustNow[side]) this.#raceBegins(side, 'request is the last of its burst');
    if (side === 'client') this.#reactClient(reaction);
    else this.#reactServer(reaction);
  }

  #reactClient({ event, act }: Reaction): void {
    if (this.#failure !== null || this.#clientClosed) return;
    if (act === 'request') {
      this.#permits.client += 1;
    } else if (act === 'throw') {
      this.failures.client += 1;
      this.#failClient(TEXT_OF_THROW[event] ?? '');
    } else {
      this.#cancel(CANCELLED_INSIDE);
    }
  }

  #reactServer({ event, act }: Reaction): void {
    if (this.#deaf || this.#serverCancelled) return;
    if (act === 'request') {
      this.#permits.server += 1;
    } else if (act === 'end') {
      if (this.#server !== 'closed') this.#close(CLOSED_INSIDE);
    } else if (event === 'handler') {
      this.failures.server += 1;
      this.#deaf = true;
      this.#closeStream('UNKNOWN');
    } else {
      this.#serverThrew();
    }
  }
}
