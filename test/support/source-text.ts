/**
 * A TypeScript source as the rules of layers.test.ts see it: its code without comments and literals, its imports, its
 * header. A small lexer, because the compiler's own parser is no public API of TypeScript 7.
 */

export interface Import {
  readonly specifier: string;
  /** 1-based. */
  readonly line: number;
}

export interface SourceText {
  /** The text as it is, by line. */
  readonly lines: readonly string[];
  /** The same with every comment and the inside of every literal blanked out: offsets and lines stay. */
  readonly code: string;
  readonly codeLines: readonly string[];
  /** Value imports, type imports, re-exports, `import()` of values and of types. */
  readonly imports: readonly Import[];
}

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX =
  /(?:^|[=(,:;!&|?{}[+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|delete|throw|new|else|do|yield|await))\s*$/;

const LITERAL = {
  lineComment: /\/\/[^\n]*/y,
  blockComment: /\/\*[\s\S]*?\*\//y,
  quoted: /'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"/y,
  regex: /\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y,
  templatePart: /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*/y,
} as const;

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

/** Blanks comments and the insides of literals; quotes stay, so that a literal is still seen to be there. */
function codeOnly(text: string): string {
  let code = '';
  let at = 0;
  /** For each template that is open: how many braces are open within its current `${`. */
  const templates: number[] = [];

  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  const skipTo = (literal: string, shown: string): void => {
    code += shown;
    at += literal.length;
  };
  const templatePart = (): void => {
    const part = take(LITERAL.templatePart) ?? '';
    skipTo(part, blank(part));
    if (text.startsWith('${', at)) {
      templates.push(0);
      skipTo('${', '${');
    } else if (at < text.length) {
      skipTo('`', '`');
    }
  };

  while (at < text.length) {
    const char = text.charAt(at);
    const comment = char === '/' ? (take(LITERAL.lineComment) ?? take(LITERAL.blockComment)) : null;
    const regex = char === '/' && comment === null && BEFORE_REGEX.test(code.slice(-20)) ? take(LITERAL.regex) : null;
    const quoted = char === "'" || char === '"' ? take(LITERAL.quoted) : null;
    const braces = templates.at(-1);
    if (comment !== null) {
      skipTo(comment, blank(comment));
    } else if (regex !== null) {
      skipTo(regex, `/${blank(regex.slice(2))}/`);
    } else if (quoted !== null) {
      skipTo(quoted, `${char}${blank(quoted.slice(2))}${char}`);
    } else if (char === '`') {
      skipTo('`', '`');
      templatePart();
    } else if (char === '}' && braces === 0) {
      templates.pop();
      skipTo('}', '}');
      templatePart();
    } else {
      if (braces !== undefined && char === '{') templates.push((templates.pop() ?? 0) + 1);
      if (braces !== undefined && char === '}') templates.push((templates.pop() ?? 0) - 1);
      skipTo(char, char);
    }
  }
  return code;
}

/** `from '…'`, `import '…'`, `import('…')`: the quote stands where the match ends. */
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])/g;

function findImports(text: string, code: string): Import[] {
  const imports: Import[] = [];
  for (const match of code.matchAll(IMPORT)) {
    const start = match.index + match[0].length;
    const end = code.indexOf(match[1] ?? '', start);
    imports.push({ specifier: text.slice(start, end), line: text.slice(0, start).split('\n').length });
  }
  return imports;
}

export function readSource(text: string): SourceText {
  const code = codeOnly(text);
  return { lines: text.split('\n'), code, codeLines: code.split('\n'), imports: findImports(text, code) };
}
