import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Bill as _cafe_v1_Bill, Bill__Output as _cafe_v1_Bill__Output } from './cafe/v1/Bill.ts';
import type { CafeClient as _cafe_v1_CafeClient, CafeDefinition as _cafe_v1_CafeDefinition } from './cafe/v1/Cafe.ts';
import type { Coin as _cafe_v1_Coin, Coin__Output as _cafe_v1_Coin__Output } from './cafe/v1/Coin.ts';
import type { Dish as _cafe_v1_Dish, Dish__Output as _cafe_v1_Dish__Output } from './cafe/v1/Dish.ts';
import type { Menu as _cafe_v1_Menu, Menu__Output as _cafe_v1_Menu__Output } from './cafe/v1/Menu.ts';
import type { Order as _cafe_v1_Order, Order__Output as _cafe_v1_Order__Output } from './cafe/v1/Order.ts';
import type { Words as _cafe_v1_Words, Words__Output as _cafe_v1_Words__Output } from './cafe/v1/Words.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  cafe: {
    v1: {
      Bill: MessageTypeDefinition<_cafe_v1_Bill, _cafe_v1_Bill__Output>
      Cafe: SubtypeConstructor<typeof grpc.Client, _cafe_v1_CafeClient> & { service: _cafe_v1_CafeDefinition }
      Coin: MessageTypeDefinition<_cafe_v1_Coin, _cafe_v1_Coin__Output>
      Dish: MessageTypeDefinition<_cafe_v1_Dish, _cafe_v1_Dish__Output>
      Menu: MessageTypeDefinition<_cafe_v1_Menu, _cafe_v1_Menu__Output>
      Order: MessageTypeDefinition<_cafe_v1_Order, _cafe_v1_Order__Output>
      Words: MessageTypeDefinition<_cafe_v1_Words, _cafe_v1_Words__Output>
    }
  }
}

