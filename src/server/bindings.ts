/**
 * Bindings: the addresses of a server; all of them are bound, or none. Above: Server. Below: ServerListener, one each.
 * Holds: when one cannot be bound, the others are closed again; a listener is closed only once it is bound, so that a
 * shutdown amid binding leaves nothing open. Ends in onClosed.
 *
 *   one: idle ─listen→ binding ─onListening→ bound ─close→ closing ─onClosed→ closed
 *          └─close→ closed    └─onListenFailed→ closed
 */
import type {
  ServerAcceptor,
  ServerListener,
  ServerTransport,
  ServerTransportListener,
} from '../transport/transport.ts';
import type { SocketAddress } from '../values/attributes.ts';

/** What the addresses of a server tell. */
export interface BindingsListener {
  /** All are bound. At most once. */
  onBound(): void;
  /** One could not be bound: the others are closed, onClosed follows. At most once. */
  onBindFailed(error: Error): void;
  /** All are closed. Last. */
  onClosed(): void;
  /** A connection has come. */
  onTransport(transport: ServerTransport): ServerTransportListener;
}

type State = 'idle' | 'binding' | 'bound' | 'closing' | 'closed';

/** One address. */
class Binding implements ServerAcceptor {
  readonly #listener: ServerListener;
  readonly #owner: BindingsListener;
  /** Told after every change of state. */
  readonly #onChanged: () => void;
  #state: State = 'idle';
  address: SocketAddress | null = null;
  error: Error | null = null;

  constructor(listener: ServerListener, owner: BindingsListener, onChanged: () => void) {
    this.#listener = listener;
    this.#owner = owner;
    this.#onChanged = onChanged;
  }

  get state(): State {
    return this.#state;
  }

  listen(): void {
    this.#state = 'binding';
    this.#listener.listen(this);
  }

  onListening(address: SocketAddress): void {
    this.#state = 'bound';
    this.address = address;
    this.#onChanged();
  }

  onListenFailed(error: Error): void {
    this.#state = 'closed';
    this.error = error;
    this.#onChanged();
  }

  onTransport(transport: ServerTransport): ServerTransportListener {
    return this.#owner.onTransport(transport);
  }

  /** Closes what is bound; what is being bound is closed when asked again. */
  close(): void {
    if (this.#state === 'idle') {
      this.#state = 'closed';
    } else if (this.#state === 'bound') {
      this.#state = 'closing';
      this.#listener.close();
    }
  }

  onClosed(): void {
    this.#state = 'closed';
    this.#onChanged();
  }
}

/** The addresses of one server. */
export class Bindings {
  readonly #listener: BindingsListener;
  readonly #bindings: Binding[] = [];
  #state: State = 'idle';

  constructor(listener: BindingsListener) {
    this.#listener = listener;
  }

  /** How many addresses there are. */
  get size(): number {
    return this.#bindings.length;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Before listen: adds an address. */
  add(listener: ServerListener): void {
    this.#bindings.push(new Binding(listener, this.#listener, () => this.#onChanged()));
  }

  /** The addresses that are or were bound, in the order in which they were added. */
  addresses(): SocketAddress[] {
    return this.#bindings.map(({ address }) => address).filter((address) => address !== null);
  }

  /** Binds all. Once. */
  listen(): void {
    this.#state = 'binding';
    for (const binding of this.#bindings) {
      // The one before may have failed at once.
      if (this.#state === 'binding') binding.listen();
    }
  }

  /** Closes all; onClosed follows, perhaps at once. A second call does nothing. */
  close(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#closeAll();
  }

  #onChanged(): void {
    if (this.#state === 'binding') this.#whileBinding();
    else if (this.#state === 'closing') this.#closeAll();
  }

  #whileBinding(): void {
    const error = this.#bindings.find((binding) => binding.error !== null)?.error;
    if (error) {
      this.#state = 'closing';
      this.#listener.onBindFailed(error);
      this.#closeAll();
    } else if (this.#bindings.every(({ state }) => state === 'bound')) {
      this.#state = 'bound';
      this.#listener.onBound();
    }
  }

  #closeAll(): void {
    for (const binding of this.#bindings) binding.close();
    // A listener may tell that it is closed inside close(), and that may have been the last.
    if (this.#state !== 'closing' || !this.#bindings.every(({ state }) => state === 'closed')) return;
    this.#state = 'closed';
    this.#listener.onClosed();
  }
}
