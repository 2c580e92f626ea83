// Original file: cafe.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Bill as _cafe_v1_Bill, Bill__Output as _cafe_v1_Bill__Output } from '../../cafe/v1/Bill.ts';
import type { Coin as _cafe_v1_Coin, Coin__Output as _cafe_v1_Coin__Output } from '../../cafe/v1/Coin.ts';
import type { Dish as _cafe_v1_Dish, Dish__Output as _cafe_v1_Dish__Output } from '../../cafe/v1/Dish.ts';
import type { Menu as _cafe_v1_Menu, Menu__Output as _cafe_v1_Menu__Output } from '../../cafe/v1/Menu.ts';
import type { Order as _cafe_v1_Order, Order__Output as _cafe_v1_Order__Output } from '../../cafe/v1/Order.ts';
import type { Words as _cafe_v1_Words, Words__Output as _cafe_v1_Words__Output } from '../../cafe/v1/Words.ts';

export interface CafeClient extends grpc.Client {
  CountCoins(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  CountCoins(metadata: grpc.Metadata, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  CountCoins(options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  CountCoins(callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  countCoins(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  countCoins(metadata: grpc.Metadata, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  countCoins(options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  countCoins(callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientWritableStream<_cafe_v1_Coin>;
  
  ListDishes(argument: _cafe_v1_Menu, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cafe_v1_Dish__Output>;
  ListDishes(argument: _cafe_v1_Menu, options?: grpc.CallOptions): grpc.ClientReadableStream<_cafe_v1_Dish__Output>;
  listDishes(argument: _cafe_v1_Menu, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_cafe_v1_Dish__Output>;
  listDishes(argument: _cafe_v1_Menu, options?: grpc.CallOptions): grpc.ClientReadableStream<_cafe_v1_Dish__Output>;
  
  PlaceOrder(argument: _cafe_v1_Order, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  PlaceOrder(argument: _cafe_v1_Order, metadata: grpc.Metadata, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  PlaceOrder(argument: _cafe_v1_Order, options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  PlaceOrder(argument: _cafe_v1_Order, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  placeOrder(argument: _cafe_v1_Order, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  placeOrder(argument: _cafe_v1_Order, metadata: grpc.Metadata, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  placeOrder(argument: _cafe_v1_Order, options: grpc.CallOptions, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  placeOrder(argument: _cafe_v1_Order, callback: grpc.requestCallback<_cafe_v1_Bill__Output>): grpc.ClientUnaryCall;
  
  SmallTalk(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_cafe_v1_Words, _cafe_v1_Words__Output>;
  SmallTalk(options?: grpc.CallOptions): grpc.ClientDuplexStream<_cafe_v1_Words, _cafe_v1_Words__Output>;
  smallTalk(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_cafe_v1_Words, _cafe_v1_Words__Output>;
  smallTalk(options?: grpc.CallOptions): grpc.ClientDuplexStream<_cafe_v1_Words, _cafe_v1_Words__Output>;
  
}

export interface CafeHandlers extends grpc.UntypedServiceImplementation {
  CountCoins: grpc.handleClientStreamingCall<_cafe_v1_Coin__Output, _cafe_v1_Bill>;
  
  ListDishes: grpc.handleServerStreamingCall<_cafe_v1_Menu__Output, _cafe_v1_Dish>;
  
  PlaceOrder: grpc.handleUnaryCall<_cafe_v1_Order__Output, _cafe_v1_Bill>;
  
  SmallTalk: grpc.handleBidiStreamingCall<_cafe_v1_Words__Output, _cafe_v1_Words>;
  
}

export interface CafeDefinition extends grpc.ServiceDefinition {
  CountCoins: MethodDefinition<_cafe_v1_Coin, _cafe_v1_Bill, _cafe_v1_Coin__Output, _cafe_v1_Bill__Output>
  ListDishes: MethodDefinition<_cafe_v1_Menu, _cafe_v1_Dish, _cafe_v1_Menu__Output, _cafe_v1_Dish__Output>
  PlaceOrder: MethodDefinition<_cafe_v1_Order, _cafe_v1_Bill, _cafe_v1_Order__Output, _cafe_v1_Bill__Output>
  SmallTalk: MethodDefinition<_cafe_v1_Words, _cafe_v1_Words, _cafe_v1_Words__Output, _cafe_v1_Words__Output>
}
