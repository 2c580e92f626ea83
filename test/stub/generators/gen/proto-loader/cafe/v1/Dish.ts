// Original file: cafe.proto


export interface Dish {
  'name'?: (string);
  'price'?: (number);
}

export interface Dish__Output {
  'name': (string);
  'price': (number);
}
