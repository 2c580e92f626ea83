/**
 * The methods of the test service that stream responses, straight on ServerCall. Above: calls-service.ts. Below: calls-answer.ts,
 * service-rules.ts. Holds: a response leaves only while the call is ready; an interval's timer ends with its call.
 */
import {
  type Clock,
  formatAddress,
  REMOTE_ADDRESS,
  ServerCallListener,
  Status,
  SYSTEM_CLOCK,
  type Timer,
  type TimerTask,
} from '../../../src/index.ts';
import type { TestServiceInit } from '../face.ts';
import type { StreamingOutputCallRequest, StreamingOutputCallResponse } from '../gen/grpc/testing/messages_pb.ts';
import { type Answer, NO_REQUEST, TWO_REQUESTS } from './calls-answer.ts';
import { NOTHING_PLANNED, type Plan, type PlannedResponse, planOf } from './service-rules.ts';

type OutputAnswer = Answer<StreamingOutputCallRequest, StreamingOutputCallResponse>;

/**
 * Plays planned responses back, one after the other, each in its time and while the call is ready.
 *
 *   idle ─play→ playing ⇄ waiting (for an interval)
 *     ↑            │ └─its status is not OK, cancelled→ over
 *     └─all sent───┘
 */
abstract class Player extends ServerCallListener<StreamingOutputCallRequest> implements TimerTask {
  protected readonly answer: OutputAnswer;
  readonly #init: TestServiceInit;
  readonly #clock: Clock;
  #state: 'idle' | 'playing' | 'waiting' | 'over' = 'idle';
  #plan: Plan = NOTHING_PLANNED;
  /** The response whose time has come. */
  #due: PlannedResponse | null = null;
  #timer: Timer | null = null;

  constructor(answer: OutputAnswer, init: TestServiceInit) {
    super();
    this.answer = answer;
    this.#init = init;
    this.#clock = init.clock ?? SYSTEM_CLOCK;
    // Whether a message is compressed is said with each; the compressor has to be known before the headers.
    answer.call.setCompression('gzip');
    if (answer.headers.size > 0) answer.sendHeaders();
    answer.call.request(1);
  }

  /** All planned responses were sent. */
  protected abstract onPlayed(): void;

  /** Answers `requests`; before the next play onPlayed is to be awaited. */
  protected play(requests: Iterable<StreamingOutputCallRequest>): void {
    const peer = formatAddress(this.answer.call.getAttributes().get(REMOTE_ADDRESS));
    this.#plan = planOf(requests, { ...this.#init, peer });
    this.#state = 'playing';
    this.#sendWhileReady();
  }

  /** Whether nothing is left to be sent, and the call is not over. */
  protected get isIdle(): boolean {
    return this.#state === 'idle';
  }

  protected end(status: Status): void {
    this.#state = 'over';
    this.answer.close(status);
  }

  override onReady(): void {
    this.#sendWhileReady();
  }

  onTimer(): void {
    this.#timer = null;
    this.#state = 'playing';
    this.#sendWhileReady();
  }

  override onCancel(): void {
    this.#state = 'over';
    this.#clock.cancel(this.#timer);
  }

  #sendWhileReady(): void {
    while (this.#state === 'playing' && this.answer.call.isReady()) {
      if (this.#due === null) this.#takeUp();
      else this.#sendDue(this.#due);
    }
  }

  #sendDue({ message, compressed }: PlannedResponse): void {
    this.#due = null;
    this.answer.send(message, compressed);
  }

  #takeUp(): void {
    const next = this.#plan.next();
    if (next.done === true) {
      this.#onPlanEnded(next.value);
      return;
    }
    this.#due = next.value;
    if (next.value.delayMs <= 0) return;
    this.#state = 'waiting';
    this.#timer = this.#clock.schedule(next.value.delayMs, this);
  }

  #onPlanEnded(status: Status): void {
    if (!status.isOk) {
      this.end(status);
      return;
    }
    this.#state = 'idle';
    this.onPlayed();
  }
}

/** StreamingOutputCall: answers the one request. */
export class OutputListener extends Player {
  #request: StreamingOutputCallRequest | null = null;

  constructor(answer: OutputAnswer, init: TestServiceInit) {
    super(answer, init);
    answer.call.request(1);
  }

  override onMessage(request: StreamingOutputCallRequest): void {
    if (this.#request !== null) this.end(TWO_REQUESTS);
    this.#request = request;
  }

  override onHalfClose(): void {
    if (this.#request === null) this.end(NO_REQUEST);
    else if (this.isIdle) this.play([this.#request]);
  }

  protected override onPlayed(): void {
    this.end(Status.OK);
  }
}

/** FullDuplexCall: answers each request before it asks for the next. */
export class FullDuplexListener extends Player {
  #halfClosed = false;

  override onMessage(request: StreamingOutputCallRequest): void {
    this.play([request]);
  }

  override onHalfClose(): void {
    this.#halfClosed = true;
    if (this.isIdle) this.end(Status.OK);
  }

  protected override onPlayed(): void {
    if (this.#halfClosed) this.end(Status.OK);
    else this.answer.call.request(1);
  }
}

/** HalfDuplexCall: keeps the requests until the client has half-closed, and answers them then. */
export class HalfDuplexListener extends Player {
  readonly #requests: StreamingOutputCallRequest[] = [];

  override onMessage(request: StreamingOutputCallRequest): void {
    this.#requests.push(request);
    this.answer.call.request(1);
  }

  override onHalfClose(): void {
    this.play(this.#requests);
  }

  protected override onPlayed(): void {
    this.end(Status.OK);
  }
}
