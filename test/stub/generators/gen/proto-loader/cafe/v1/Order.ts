// Original file: cafe.proto


export interface _cafe_v1_Order_Line {
  'dishName'?: (string);
  'count'?: (number);
}

export interface _cafe_v1_Order_Line__Output {
  'dishName': (string);
  'count': (number);
}

export interface Order {
  'lines'?: (_cafe_v1_Order_Line)[];
  'table'?: (number);
}

export interface Order__Output {
  'lines': (_cafe_v1_Order_Line__Output)[];
  'table': (number);
}
