// Original file: cafe.proto


export interface Coin {
  'cents'?: (number);
}

export interface Coin__Output {
  'cents': (number);
}
