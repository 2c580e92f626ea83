// Written by hand after what protoc-gen-js makes of cafe.proto (import_style=commonjs,binary): its binary could not be had as
// an npm package. What generated code has besides (toObject, the closure annotations) is left out. Types: cafe_pb.d.ts, which
// grpc_tools_node_protoc_ts generated.
var jspb = require('google-protobuf');

/** @constructor */
var Order = function (opt_data) {
  jspb.Message.initialize(this, opt_data, 0, -1, Order.repeatedFields_, null);
};
Order.repeatedFields_ = [1];

/** @constructor */
Order.Line = function (opt_data) {
  jspb.Message.initialize(this, opt_data, 0, -1, null, null);
};

/** @constructor */
var Bill = function (opt_data) {
  jspb.Message.initialize(this, opt_data, 0, -1, Bill.repeatedFields_, null);
};
Bill.repeatedFields_ = [2];

/** @constructor */
var Menu = function (opt_data) {
  jspb.Message.initialize(this, opt_data, 0, -1, null, null);
};

/** @constructor */
var Dish = function (opt_data) {
  jspb.Message.initialize(this, opt_data, 0, -1, null, null);
};

/** @constructor */
var Coin = function (opt_data) {
  jspb.Message.initialize(this, opt_data, 0, -1, null, null);
};

/** @constructor */
var Words = function (opt_data) {
  jspb.Message.initialize(this, opt_data, 0, -1, null, null);
};

[Order, Order.Line, Bill, Menu, Dish, Coin, Words].forEach(function (type) {
  Object.setPrototypeOf(type.prototype, jspb.Message.prototype);
  type.prototype.serializeBinary = function () {
    var writer = new jspb.BinaryWriter();
    type.serializeBinaryToWriter(this, writer);
    return writer.getResultBuffer();
  };
  type.deserializeBinary = function (bytes) {
    var reader = new jspb.BinaryReader(bytes);
    return type.deserializeBinaryFromReader(new type(), reader);
  };
});

Order.deserializeBinaryFromReader = function (msg, reader) {
  while (reader.nextField()) {
    if (reader.isEndGroup()) {
      break;
    }
    var field = reader.getFieldNumber();
    switch (field) {
      case 1:
        var value = new Order.Line();
        reader.readMessage(value, Order.Line.deserializeBinaryFromReader);
        msg.addLines(value);
        break;
      case 2:
        msg.setTable(reader.readInt32());
        break;
      default:
        reader.skipField();
        break;
    }
  }
  return msg;
};
Order.serializeBinaryToWriter = function (message, writer) {
  var f = message.getLinesList();
  if (f.length > 0) {
    writer.writeRepeatedMessage(1, f, Order.Line.serializeBinaryToWriter);
  }
  f = message.getTable();
  if (f !== 0) {
    writer.writeInt32(2, f);
  }
};
Order.prototype.getLinesList = function () {
  return jspb.Message.getRepeatedWrapperField(this, Order.Line, 1);
};
Order.prototype.setLinesList = function (value) {
  return jspb.Message.setRepeatedWrapperField(this, 1, value);
};
Order.prototype.addLines = function (opt_value, opt_index) {
  return jspb.Message.addToRepeatedWrapperField(this, 1, opt_value, Order.Line, opt_index);
};
Order.prototype.clearLinesList = function () {
  return this.setLinesList([]);
};
Order.prototype.getTable = function () {
  return jspb.Message.getFieldWithDefault(this, 2, 0);
};
Order.prototype.setTable = function (value) {
  return jspb.Message.setProto3IntField(this, 2, value);
};

Order.Line.deserializeBinaryFromReader = function (msg, reader) {
  while (reader.nextField()) {
    if (reader.isEndGroup()) {
      break;
    }
    var field = reader.getFieldNumber();
    switch (field) {
      case 1:
        msg.setDishName(reader.readString());
        break;
      case 2:
        msg.setCount(reader.readInt32());
        break;
      default:
        reader.skipField();
        break;
    }
  }
  return msg;
};
Order.Line.serializeBinaryToWriter = function (message, writer) {
  var f = message.getDishName();
  if (f.length > 0) {
    writer.writeString(1, f);
  }
  f = message.getCount();
  if (f !== 0) {
    writer.writeInt32(2, f);
  }
};
Order.Line.prototype.getDishName = function () {
  return jspb.Message.getFieldWithDefault(this, 1, '');
};
Order.Line.prototype.setDishName = function (value) {
  return jspb.Message.setProto3StringField(this, 1, value);
};
Order.Line.prototype.getCount = function () {
  return jspb.Message.getFieldWithDefault(this, 2, 0);
};
Order.Line.prototype.setCount = function (value) {
  return jspb.Message.setProto3IntField(this, 2, value);
};

Bill.deserializeBinaryFromReader = function (msg, reader) {
  while (reader.nextField()) {
    if (reader.isEndGroup()) {
      break;
    }
    var field = reader.getFieldNumber();
    switch (field) {
      case 1:
        msg.setTotal(reader.readInt32());
        break;
      case 2:
        msg.addItems(reader.readString());
        break;
      default:
        reader.skipField();
        break;
    }
  }
  return msg;
};
Bill.serializeBinaryToWriter = function (message, writer) {
  var f = message.getTotal();
  if (f !== 0) {
    writer.writeInt32(1, f);
  }
  f = message.getItemsList();
  if (f.length > 0) {
    writer.writeRepeatedString(2, f);
  }
};
Bill.prototype.getTotal = function () {
  return jspb.Message.getFieldWithDefault(this, 1, 0);
};
Bill.prototype.setTotal = function (value) {
  return jspb.Message.setProto3IntField(this, 1, value);
};
Bill.prototype.getItemsList = function () {
  return jspb.Message.getRepeatedField(this, 2);
};
Bill.prototype.setItemsList = function (value) {
  return jspb.Message.setField(this, 2, value || []);
};
Bill.prototype.addItems = function (value, opt_index) {
  return jspb.Message.addToRepeatedField(this, 2, value, opt_index);
};
Bill.prototype.clearItemsList = function () {
  return this.setItemsList([]);
};

Menu.deserializeBinaryFromReader = function (msg, reader) {
  while (reader.nextField()) {
    if (reader.isEndGroup()) {
      break;
    }
    var field = reader.getFieldNumber();
    switch (field) {
      case 1:
        msg.setSection(reader.readString());
        break;
      default:
        reader.skipField();
        break;
    }
  }
  return msg;
};
Menu.serializeBinaryToWriter = function (message, writer) {
  var f = message.getSection();
  if (f.length > 0) {
    writer.writeString(1, f);
  }
};
Menu.prototype.getSection = function () {
  return jspb.Message.getFieldWithDefault(this, 1, '');
};
Menu.prototype.setSection = function (value) {
  return jspb.Message.setProto3StringField(this, 1, value);
};

Dish.deserializeBinaryFromReader = function (msg, reader) {
  while (reader.nextField()) {
    if (reader.isEndGroup()) {
      break;
    }
    var field = reader.getFieldNumber();
    switch (field) {
      case 1:
        msg.setName(reader.readString());
        break;
      case 2:
        msg.setPrice(reader.readInt32());
        break;
      default:
        reader.skipField();
        break;
    }
  }
  return msg;
};
Dish.serializeBinaryToWriter = function (message, writer) {
  var f = message.getName();
  if (f.length > 0) {
    writer.writeString(1, f);
  }
  f = message.getPrice();
  if (f !== 0) {
    writer.writeInt32(2, f);
  }
};
Dish.prototype.getName = function () {
  return jspb.Message.getFieldWithDefault(this, 1, '');
};
Dish.prototype.setName = function (value) {
  return jspb.Message.setProto3StringField(this, 1, value);
};
Dish.prototype.getPrice = function () {
  return jspb.Message.getFieldWithDefault(this, 2, 0);
};
Dish.prototype.setPrice = function (value) {
  return jspb.Message.setProto3IntField(this, 2, value);
};

Coin.deserializeBinaryFromReader = function (msg, reader) {
  while (reader.nextField()) {
    if (reader.isEndGroup()) {
      break;
    }
    var field = reader.getFieldNumber();
    switch (field) {
      case 1:
        msg.setCents(reader.readInt32());
        break;
      default:
        reader.skipField();
        break;
    }
  }
  return msg;
};
Coin.serializeBinaryToWriter = function (message, writer) {
  var f = message.getCents();
  if (f !== 0) {
    writer.writeInt32(1, f);
  }
};
Coin.prototype.getCents = function () {
  return jspb.Message.getFieldWithDefault(this, 1, 0);
};
Coin.prototype.setCents = function (value) {
  return jspb.Message.setProto3IntField(this, 1, value);
};

Words.deserializeBinaryFromReader = function (msg, reader) {
  while (reader.nextField()) {
    if (reader.isEndGroup()) {
      break;
    }
    var field = reader.getFieldNumber();
    switch (field) {
      case 1:
        msg.setText(reader.readString());
        break;
      default:
        reader.skipField();
        break;
    }
  }
  return msg;
};
Words.serializeBinaryToWriter = function (message, writer) {
  var f = message.getText();
  if (f.length > 0) {
    writer.writeString(1, f);
  }
};
Words.prototype.getText = function () {
  return jspb.Message.getFieldWithDefault(this, 1, '');
};
Words.prototype.setText = function (value) {
  return jspb.Message.setProto3StringField(this, 1, value);
};

exports.Order = Order;
exports.Bill = Bill;
exports.Menu = Menu;
exports.Dish = Dish;
exports.Coin = Coin;
exports.Words = Words;
