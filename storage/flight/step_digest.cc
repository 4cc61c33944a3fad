#include "storage/flight/step_digest.h"

#include <string_view>
#include <type_traits>
#include <variant>

#include "storage/flight/field_codec.h"
#include "storage/flight/layout.h"

namespace holdfast::flight {

namespace {

// Mixes whole numbers and not bytes: the beat path does this for every action.
struct Mixer {
    std::uint64_t value;

    void number(std::uint64_t part) {
        value = (value ^ part) * 0x9e3779b97f4a7c15U;
        value ^= value >> 29U;
    }

    template <typename T>
    void add(const T& part) {
        if constexpr (NumberLike<T>) {
            number(number_of(part));
        } else if constexpr (std::same_as<T, bool> || std::is_enum_v<T>) {
            number(static_cast<std::uint64_t>(part));
        } else if constexpr (FixedTextLike<T>) {
            number(part.view().size());
            for (const char letter : part.view()) number(static_cast<unsigned char>(letter));
        } else if constexpr (std::same_as<T, HostSet>) {
            add(part.words());
        } else if constexpr (kIsArray<T>) {
            for (const auto& item : part) add(item);
        } else if constexpr (kIsFixedList<T>) {
            number(part.size());
            for (const auto& item : part) add(item);
        } else if constexpr (kIsOptional<T>) {
            number(part.has_value() ? 1 : 0);
            if (part) add(*part);
        } else if constexpr (kIsVariant<T>) {
            number(part.index());
            std::visit([this](const auto& one) { add(one); }, part);
        } else {
            static_assert(PlainStruct<T>, "teach put(), get() and mix() this kind of value");
            each_field(part, [this](const auto& field) { add(field); });
        }
    }
};

}  // namespace

void StepDigest::add(const Actions& actions, const Engine& engine) {
    Mixer mixer{value_};
    for (const Action& action : actions) {
        mixer.number(action.index());
        std::visit([&mixer](const auto& body) { mixer.add(body); }, action);
        if (std::holds_alternative<WriteSlot>(action)) mixer.add(engine.own_slot());
        if (std::holds_alternative<WriteRoster>(action)) mixer.add(engine.own_roster());
        if (std::holds_alternative<WriteOrders>(action)) mixer.add(engine.own_orders());
        if (std::holds_alternative<WriteConfig>(action)) mixer.add(engine.own_config());
        if (std::holds_alternative<KeepMembership>(action)) mixer.add(engine.kept());
    }
    value_ = mixer.value;
}

std::uint64_t action_layout() {
    static const std::uint64_t kLayout = [] {
        Layout layout;
        layout.add<Action>();
        layout.add<SlotRecord>();
        layout.add<Roster>();
        layout.add<Orders>();
        layout.add<ConfigCopy>();
        layout.add<KeptMembership>();
        return layout.value();
    }();
    return kLayout;
}

}  // namespace holdfast::flight
