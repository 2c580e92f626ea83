// Original file: cafe.proto


export interface Words {
  'text'?: (string);
}

export interface Words__Output {
  'text': (string);
}
