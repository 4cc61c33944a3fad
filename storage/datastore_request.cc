#include "storage/datastore_request.h"

namespace holdfast {

const char* to_string(DatastoreRequestKind kind) {
    switch (kind) {
        case DatastoreRequestKind::WriteSlot: return "write_slot";
        case DatastoreRequestKind::ScanSlots: return "scan_slots";
        case DatastoreRequestKind::WriteRoster: return "write_roster";
        case DatastoreRequestKind::ReadRoster: return "read_roster";
        case DatastoreRequestKind::WriteOrders: return "write_orders";
        case DatastoreRequestKind::ReadOrders: return "read_orders";
        case DatastoreRequestKind::WriteConfig: return "write_config";
        case DatastoreRequestKind::ReadConfig: return "read_config";
        case DatastoreRequestKind::WriteHeap: return "write_heap";
        case DatastoreRequestKind::ReadHeap: return "read_heap";
        case DatastoreRequestKind::WriteRecorder: return "write_recorder";
        case DatastoreRequestKind::ReadRecorder: return "read_recorder";
        case DatastoreRequestKind::Release: return "release";
    }
    return "unknown";
}

DatastoreRequest release_of(const DatastoreCompletion& completion) {
    DatastoreRequest request;
    request.kind = DatastoreRequestKind::Release;
    request.result = completion.result;
    return request;
}

}  // namespace holdfast
