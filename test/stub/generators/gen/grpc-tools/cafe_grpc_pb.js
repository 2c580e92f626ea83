// Written by hand after what grpc_node_plugin of grpc-tools makes of cafe.proto (grpc_js): its binary could not be had as an npm
// package. Types: cafe_grpc_pb.d.ts, which grpc_tools_node_protoc_ts generated. With generate_package_definition the same
// object is all there is: `exports['cafe.v1.Cafe']`, without a client class.
'use strict';
var grpc = require('@grpc/grpc-js');
var cafe_pb = require('./cafe_pb.js');

function serialize_cafe_v1_Bill(arg) {
  if (!(arg instanceof cafe_pb.Bill)) {
    throw new Error('Expected argument of type cafe.v1.Bill');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_cafe_v1_Bill(buffer_arg) {
  return cafe_pb.Bill.deserializeBinary(new Uint8Array(buffer_arg));
}

function serialize_cafe_v1_Coin(arg) {
  if (!(arg instanceof cafe_pb.Coin)) {
    throw new Error('Expected argument of type cafe.v1.Coin');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_cafe_v1_Coin(buffer_arg) {
  return cafe_pb.Coin.deserializeBinary(new Uint8Array(buffer_arg));
}

function serialize_cafe_v1_Dish(arg) {
  if (!(arg instanceof cafe_pb.Dish)) {
    throw new Error('Expected argument of type cafe.v1.Dish');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_cafe_v1_Dish(buffer_arg) {
  return cafe_pb.Dish.deserializeBinary(new Uint8Array(buffer_arg));
}

function serialize_cafe_v1_Menu(arg) {
  if (!(arg instanceof cafe_pb.Menu)) {
    throw new Error('Expected argument of type cafe.v1.Menu');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_cafe_v1_Menu(buffer_arg) {
  return cafe_pb.Menu.deserializeBinary(new Uint8Array(buffer_arg));
}

function serialize_cafe_v1_Order(arg) {
  if (!(arg instanceof cafe_pb.Order)) {
    throw new Error('Expected argument of type cafe.v1.Order');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_cafe_v1_Order(buffer_arg) {
  return cafe_pb.Order.deserializeBinary(new Uint8Array(buffer_arg));
}

function serialize_cafe_v1_Words(arg) {
  if (!(arg instanceof cafe_pb.Words)) {
    throw new Error('Expected argument of type cafe.v1.Words');
  }
  return Buffer.from(arg.serializeBinary());
}

function deserialize_cafe_v1_Words(buffer_arg) {
  return cafe_pb.Words.deserializeBinary(new Uint8Array(buffer_arg));
}

var CafeService = exports.CafeService = {
  placeOrder: {
    path: '/cafe.v1.Cafe/PlaceOrder',
    requestStream: false,
    responseStream: false,
    requestType: cafe_pb.Order,
    responseType: cafe_pb.Bill,
    requestSerialize: serialize_cafe_v1_Order,
    requestDeserialize: deserialize_cafe_v1_Order,
    responseSerialize: serialize_cafe_v1_Bill,
    responseDeserialize: deserialize_cafe_v1_Bill,
  },
  listDishes: {
    path: '/cafe.v1.Cafe/ListDishes',
    requestStream: false,
    responseStream: true,
    requestType: cafe_pb.Menu,
    responseType: cafe_pb.Dish,
    requestSerialize: serialize_cafe_v1_Menu,
    requestDeserialize: deserialize_cafe_v1_Menu,
    responseSerialize: serialize_cafe_v1_Dish,
    responseDeserialize: deserialize_cafe_v1_Dish,
  },
  countCoins: {
    path: '/cafe.v1.Cafe/CountCoins',
    requestStream: true,
    responseStream: false,
    requestType: cafe_pb.Coin,
    responseType: cafe_pb.Bill,
    requestSerialize: serialize_cafe_v1_Coin,
    requestDeserialize: deserialize_cafe_v1_Coin,
    responseSerialize: serialize_cafe_v1_Bill,
    responseDeserialize: deserialize_cafe_v1_Bill,
  },
  smallTalk: {
    path: '/cafe.v1.Cafe/SmallTalk',
    requestStream: true,
    responseStream: true,
    requestType: cafe_pb.Words,
    responseType: cafe_pb.Words,
    requestSerialize: serialize_cafe_v1_Words,
    requestDeserialize: deserialize_cafe_v1_Words,
    responseSerialize: serialize_cafe_v1_Words,
    responseDeserialize: deserialize_cafe_v1_Words,
  },
};

exports.CafeClient = grpc.makeGenericClientConstructor(CafeService, 'Cafe');
