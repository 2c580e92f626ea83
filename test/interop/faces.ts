/** The three faces of halfclose, each at both ends, by name. Above: client.ts, tests. Below: faces/. */
import type { Face, FaceName } from './face.ts';
import { callsClient } from './faces/calls-client.ts';
import { callsTestService } from './faces/calls-service.ts';
import { promisesClient } from './faces/promises-client.ts';
import { promisesTestService } from './faces/promises-service.ts';
import { reactorsClient } from './faces/reactors-client.ts';
import { reactorsTestService } from './faces/reactors-service.ts';

export const FACES: Readonly<Record<FaceName, Face>> = {
  calls: { name: 'calls', client: callsClient, testService: callsTestService },
  reactors: { name: 'reactors', client: reactorsClient, testService: reactorsTestService },
  promises: { name: 'promises', client: promisesClient, testService: promisesTestService },
};

/** Their names, in the order of the layers. */
export const FACE_NAMES: readonly FaceName[] = ['calls', 'reactors', 'promises'];
