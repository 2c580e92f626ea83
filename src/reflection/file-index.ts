/**
 * FileIndex: finds files by what a reflection client knows of them. Above: ReflectionStream. Below: file-descriptor.ts. Holds:
 * of two files with one name, or two that declare one symbol, the one that came first counts; files that are imported but
 * not there are left out.
 */
import { type FileDescriptor, readFileDescriptor } from './file-descriptor.ts';

/** Files of a server, by name and by what they declare. */
export class FileIndex {
  readonly #byName = new Map<string, FileDescriptor>();
  readonly #bySymbol = new Map<string, FileDescriptor>();
  /** By the full name of the extended message, then by number; a message without extensions has an empty map. */
  readonly #byExtension = new Map<string, Map<number, FileDescriptor>>();

  /** Adds a serialized FileDescriptorProto. Throws for broken bytes. */
  add(bytes: Uint8Array): void {
    const file = readFileDescriptor(bytes);
    if (this.#byName.has(file.name)) return;
    this.#byName.set(file.name, file);
    for (const symbol of file.symbols) if (!this.#bySymbol.has(symbol)) this.#bySymbol.set(symbol, file);
    for (const message of file.messages) this.#extensionsOf(message);
    for (const { extendee, number } of file.extensions) {
      const extensions = this.#extensionsOf(extendee);
      if (!extensions.has(number)) extensions.set(number, file);
    }
  }

  #extensionsOf(message: string): Map<number, FileDescriptor> {
    const extensions = this.#byExtension.get(message) ?? new Map();
    this.#byExtension.set(message, extensions);
    return extensions;
  }

  /** The file of this name; null if there is none. */
  named(name: string): FileDescriptor | null {
    return this.#byName.get(name) ?? null;
  }

  /** The file that declares a symbol, by its full name. */
  declaring(symbol: string): FileDescriptor | null {
    return this.#bySymbol.get(symbol) ?? null;
  }

  /** The file that declares the extension of a message by this number. */
  extending(message: string, number: number): FileDescriptor | null {
    return this.#byExtension.get(message)?.get(number) ?? null;
  }

  /** The numbers of all extensions of a message; null where there is no such message. */
  extensionNumbers(message: string): number[] | null {
    const extensions = this.#byExtension.get(message);
    return extensions === undefined ? null : [...extensions.keys()];
  }

  /** `file`, and all that it imports and that `sent` does not name, nearest first; `sent` then names them as well. */
  withImports(file: FileDescriptor, sent: Set<string>): FileDescriptor[] {
    const found = [file];
    const seen = new Set([file.name]);
    for (const { dependencies } of found) {
      for (const name of dependencies) {
        const imported = this.#byName.get(name);
        if (imported === undefined || seen.has(name)) continue;
        seen.add(name);
        found.push(imported);
      }
    }
    const files = found.filter(({ name }) => name === file.name || !sent.has(name));
    for (const { name } of files) sent.add(name);
    return files;
  }
}
