// package: cafe.v1
// file: cafe.proto

/* tslint:disable */
/* eslint-disable */

import * as grpc from "@grpc/grpc-js";
import * as cafe_pb from "./cafe_pb";

interface ICafeService extends grpc.ServiceDefinition<grpc.UntypedServiceImplementation> {
    placeOrder: ICafeService_IPlaceOrder;
    listDishes: ICafeService_IListDishes;
    countCoins: ICafeService_ICountCoins;
    smallTalk: ICafeService_ISmallTalk;
}

interface ICafeService_IPlaceOrder extends grpc.MethodDefinition<cafe_pb.Order, cafe_pb.Bill> {
    path: "/cafe.v1.Cafe/PlaceOrder";
    requestStream: false;
    responseStream: false;
    requestSerialize: grpc.serialize<cafe_pb.Order>;
    requestDeserialize: grpc.deserialize<cafe_pb.Order>;
    responseSerialize: grpc.serialize<cafe_pb.Bill>;
    responseDeserialize: grpc.deserialize<cafe_pb.Bill>;
}
interface ICafeService_IListDishes extends grpc.MethodDefinition<cafe_pb.Menu, cafe_pb.Dish> {
    path: "/cafe.v1.Cafe/ListDishes";
    requestStream: false;
    responseStream: true;
    requestSerialize: grpc.serialize<cafe_pb.Menu>;
    requestDeserialize: grpc.deserialize<cafe_pb.Menu>;
    responseSerialize: grpc.serialize<cafe_pb.Dish>;
    responseDeserialize: grpc.deserialize<cafe_pb.Dish>;
}
interface ICafeService_ICountCoins extends grpc.MethodDefinition<cafe_pb.Coin, cafe_pb.Bill> {
    path: "/cafe.v1.Cafe/CountCoins";
    requestStream: true;
    responseStream: false;
    requestSerialize: grpc.serialize<cafe_pb.Coin>;
    requestDeserialize: grpc.deserialize<cafe_pb.Coin>;
    responseSerialize: grpc.serialize<cafe_pb.Bill>;
    responseDeserialize: grpc.deserialize<cafe_pb.Bill>;
}
interface ICafeService_ISmallTalk extends grpc.MethodDefinition<cafe_pb.Words, cafe_pb.Words> {
    path: "/cafe.v1.Cafe/SmallTalk";
    requestStream: true;
    responseStream: true;
    requestSerialize: grpc.serialize<cafe_pb.Words>;
    requestDeserialize: grpc.deserialize<cafe_pb.Words>;
    responseSerialize: grpc.serialize<cafe_pb.Words>;
    responseDeserialize: grpc.deserialize<cafe_pb.Words>;
}

export const CafeService: ICafeService;

export interface ICafeServer extends grpc.UntypedServiceImplementation {
    placeOrder: grpc.handleUnaryCall<cafe_pb.Order, cafe_pb.Bill>;
    listDishes: grpc.handleServerStreamingCall<cafe_pb.Menu, cafe_pb.Dish>;
    countCoins: grpc.handleClientStreamingCall<cafe_pb.Coin, cafe_pb.Bill>;
    smallTalk: grpc.handleBidiStreamingCall<cafe_pb.Words, cafe_pb.Words>;
}

export interface ICafeClient {
    placeOrder(request: cafe_pb.Order, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientUnaryCall;
    placeOrder(request: cafe_pb.Order, metadata: grpc.Metadata, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientUnaryCall;
    placeOrder(request: cafe_pb.Order, metadata: grpc.Metadata, options: Partial<grpc.CallOptions>, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientUnaryCall;
    listDishes(request: cafe_pb.Menu, options?: Partial<grpc.CallOptions>): grpc.ClientReadableStream<cafe_pb.Dish>;
    listDishes(request: cafe_pb.Menu, metadata?: grpc.Metadata, options?: Partial<grpc.CallOptions>): grpc.ClientReadableStream<cafe_pb.Dish>;
    countCoins(callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    countCoins(metadata: grpc.Metadata, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    countCoins(options: Partial<grpc.CallOptions>, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    countCoins(metadata: grpc.Metadata, options: Partial<grpc.CallOptions>, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    smallTalk(): grpc.ClientDuplexStream<cafe_pb.Words, cafe_pb.Words>;
    smallTalk(options: Partial<grpc.CallOptions>): grpc.ClientDuplexStream<cafe_pb.Words, cafe_pb.Words>;
    smallTalk(metadata: grpc.Metadata, options?: Partial<grpc.CallOptions>): grpc.ClientDuplexStream<cafe_pb.Words, cafe_pb.Words>;
}

export class CafeClient extends grpc.Client implements ICafeClient {
    constructor(address: string, credentials: grpc.ChannelCredentials, options?: Partial<grpc.ClientOptions>);
    public placeOrder(request: cafe_pb.Order, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientUnaryCall;
    public placeOrder(request: cafe_pb.Order, metadata: grpc.Metadata, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientUnaryCall;
    public placeOrder(request: cafe_pb.Order, metadata: grpc.Metadata, options: Partial<grpc.CallOptions>, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientUnaryCall;
    public listDishes(request: cafe_pb.Menu, options?: Partial<grpc.CallOptions>): grpc.ClientReadableStream<cafe_pb.Dish>;
    public listDishes(request: cafe_pb.Menu, metadata?: grpc.Metadata, options?: Partial<grpc.CallOptions>): grpc.ClientReadableStream<cafe_pb.Dish>;
    public countCoins(callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    public countCoins(metadata: grpc.Metadata, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    public countCoins(options: Partial<grpc.CallOptions>, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    public countCoins(metadata: grpc.Metadata, options: Partial<grpc.CallOptions>, callback: (error: grpc.ServiceError | null, response: cafe_pb.Bill) => void): grpc.ClientWritableStream<cafe_pb.Coin>;
    public smallTalk(options?: Partial<grpc.CallOptions>): grpc.ClientDuplexStream<cafe_pb.Words, cafe_pb.Words>;
    public smallTalk(metadata?: grpc.Metadata, options?: Partial<grpc.CallOptions>): grpc.ClientDuplexStream<cafe_pb.Words, cafe_pb.Words>;
}
