/**
 * grpc.testing.BenchmarkService on ServerCall, all five methods. Above: benchmark-server.ts. Below: Payloads. Holds: whoever sends
 * without end, or answers to a client that does not read, waits while the call is not ready. Source:
 * grpc/testing/benchmark_service.proto; what the streams without end do is as in grpc C++.
 */
import { Metadata, type ServerCall, ServerCallListener, ServiceDefinition, Status } from '../../src/index.ts';
import type { Payloads } from './payloads.ts';

abstract class Handling<Req, Res> extends ServerCallListener<Req> {
  protected readonly call: ServerCall<Req, Res>;
  protected readonly payloads: Payloads<Req, Res>;

  constructor(call: ServerCall<Req, Res>, payloads: Payloads<Req, Res>) {
    super();
    this.call = call;
    this.payloads = payloads;
    call.sendHeaders(new Metadata());
    call.request(1);
  }

  protected end(): void {
    this.call.close(Status.OK, new Metadata());
  }
}

class UnaryHandling<Req, Res> extends Handling<Req, Res> {
  override onMessage(request: Req): void {
    this.call.sendMessage(this.payloads.answerTo(request));
    this.end();
  }
}

/** An answer to each request. The next request is read once there is room for its answer. */
class StreamingHandling<Req, Res> extends Handling<Req, Res> {
  #isWaiting = false;

  override onMessage(request: Req): void {
    this.call.sendMessage(this.payloads.answerTo(request));
    this.#isWaiting = !this.call.isReady();
    if (!this.#isWaiting) this.call.request(1);
  }

  override onReady(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.call.request(1);
  }

  override onHalfClose(): void {
    this.end();
  }
}

/** One answer, to the last request. */
class FromClientHandling<Req, Res> extends Handling<Req, Res> {
  #last: Req | null = null;

  override onMessage(request: Req): void {
    this.#last = request;
    this.call.request(1);
  }

  override onHalfClose(): void {
    this.call.sendMessage(this.payloads.answerTo(this.#last));
    this.end();
  }
}

/** The answer to the first request, again and again, until the client goes. */
class FromServerHandling<Req, Res> extends Handling<Req, Res> {
  protected answer: Res | null = null;

  override onMessage(request: Req): void {
    if (this.answer !== null) return;
    this.answer = this.payloads.answerTo(request);
    this.onReady();
  }

  override onReady(): void {
    while (this.answer !== null && this.call.isReady()) this.call.sendMessage(this.answer);
  }

  override onCancel(): void {
    this.answer = null;
  }
}

/** As from the server, until the client half-closes; what it sends meanwhile is read. */
class BothWaysHandling<Req, Res> extends FromServerHandling<Req, Res> {
  override onMessage(request: Req): void {
    super.onMessage(request);
    this.call.request(1);
  }

  override onHalfClose(): void {
    this.answer = null;
    this.end();
  }
}

/** The service. */
export function benchmarkService<Req, Res>(payloads: Payloads<Req, Res>): ServiceDefinition {
  const { methods } = payloads;
  return new ServiceDefinition(methods.unaryCall.service)
    .addMethod(methods.unaryCall, (call) => new UnaryHandling(call, payloads))
    .addMethod(methods.streamingCall, (call) => new StreamingHandling(call, payloads))
    .addMethod(methods.streamingFromClient, (call) => new FromClientHandling(call, payloads))
    .addMethod(methods.streamingFromServer, (call) => new FromServerHandling(call, payloads))
    .addMethod(methods.streamingBothWays, (call) => new BothWaysHandling(call, payloads));
}
