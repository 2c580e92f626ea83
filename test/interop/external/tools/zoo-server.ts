/**
 * The server that command-line tools talk to: RouteGuide of the examples and a zoo of descriptors, with health and reflection,
 * on a port of this machine. Above: the tests beside it.
 */
import { loadCities } from '../../../../examples/route-guide/cities.ts';
import { RouteGuide } from '../../../../examples/route-guide/gen/route_guide_pb.ts';
import { WriteMeter } from '../../../../examples/route-guide/meter.ts';
import { routeGuideService } from '../../../../examples/route-guide/server.ts';
import { ServerCredentials } from '../../../../src/credentials/server-credentials.ts';
import { HealthService } from '../../../../src/health/index.ts';
import { addReflection, type FileDescriptors } from '../../../../src/reflection/index.ts';
import { Server } from '../../../../src/server/server.ts';
import { fileDescriptorsOf, implement } from '../../../../src/stub/codec/protobuf-es.ts';
import { Zoo } from '../../../reflection/gen/zoo/animals/animals_pb.ts';

/** The files of both services, as protobuf-es has them. */
export const GENERATED_FILES: readonly Uint8Array[] = fileDescriptorsOf(RouteGuide, Zoo);

/** A started server, `health` in hand. */
export class ZooServer implements AsyncDisposable {
  readonly health: HealthService = new HealthService();
  readonly #server: Server = new Server();

  constructor(files: FileDescriptors) {
    this.#server.addService(routeGuideService(loadCities(), new WriteMeter()));
    this.#server.addService(
      implement(Zoo, {
        async *feed(animal) {
          for (const day of Object.keys(animal.mealsByDay).sort()) yield { name: `${animal.name} on ${day}` };
        },
        async *visit(animals) {
          for await (const { home } of animals) if (home.case === 'cage') yield home.value;
        },
      }),
    );
    this.#server.addService(this.health);
    addReflection(this.#server, files);
  }

  /** `host:port`. */
  async start(): Promise<string> {
    this.#server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
    await this.#server.start();
    return `127.0.0.1:${this.#server.port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}
