// Original file: cafe.proto


export interface Menu {
  'section'?: (string);
}

export interface Menu__Output {
  'section': (string);
}
