// Original file: cafe.proto


export interface Bill {
  'total'?: (number);
  'items'?: (string)[];
}

export interface Bill__Output {
  'total': (number);
  'items': (string)[];
}
