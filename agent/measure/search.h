// Finding the top and the zero of a function of one variable.  Pure.
#pragma once

namespace holdfast::measure {

// Where `function`, which has one maximum in [low, high], has it.
template <typename Function>
double maximum_of(Function function, double low, double high) {
    constexpr double kGolden = 0.6180339887498949;
    double left = high - kGolden * (high - low);
    double right = low + kGolden * (high - low);
    double at_left = function(left);
    double at_right = function(right);
    for (int i = 0; i < 32; ++i) {
        if (at_left > at_right) {
            high = right;
            right = left;
            at_right = at_left;
            left = high - kGolden * (high - low);
            at_left = function(left);
        } else {
            low = left;
            left = right;
            at_left = at_right;
            right = low + kGolden * (high - low);
            at_right = function(right);
        }
    }
    return (low + high) / 2;
}

// Where `function` falls through zero between `inside` (above) and `outside`.
template <typename Function>
double crossing(Function function, double inside, double outside, int halvings = 40) {
    for (int i = 0; i < halvings; ++i) {
        const double middle = (inside + outside) / 2;
        (function(middle) > 0 ? inside : outside) = middle;
    }
    return inside;
}

}  // namespace holdfast::measure
